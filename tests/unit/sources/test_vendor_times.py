from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.core.errors import UnknownNameError
from tsis.sources.times import TimeRule, sessions

AT = datetime(2013, 9, 1, 22, 0, 0, 83_000, tzinfo=UTC)


def utc(rule: TimeRule, values: list[object], dtype: pl.DataType | None = None) -> list[datetime | None]:
    column = pl.Series("raw", values, dtype=dtype)
    value, _ = rule.utc(pl.col("raw"), column.dtype)
    return pl.DataFrame({"raw": column}).select(value).to_series().to_list()


@pytest.mark.parametrize(
    "text",
    [
        "2013-09-01 17:00:00.083",
        "2013-09-01T17:00:00.083",
        " 2013-09-01 17:00:00.083000999 ",
        "2013-09-01T22:00:00.083Z",
        "2013-09-02 00:00:00.083+02:00",
        "2013-09-01 17:00:00.083-0500",
    ],
)
def test_iso_times_are_read_with_or_without_offset(text):
    assert utc(TimeRule("America/Chicago"), [text]) == [AT]


def test_times_of_one_column_may_differ_in_form():
    texts = ["2013-09-01", "2013-09-01 10:30", "2013-09-01 10:30:15", "2013-09-01 10:30:15.5", "10:30", None]
    hours = [(0, 0, 0), (10, 30, 0), (10, 30, 15), (10, 30, 15, 500_000)]
    assert utc(TimeRule(), texts) == [*(datetime(2013, 9, 1, *hour, tzinfo=UTC) for hour in hours), None, None]


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("epoch_s", "1378072800.083"),
        ("epoch_ms", "1378072800083"),
        ("epoch_us", "1378072800083000"),
        ("epoch_ns", "1378072800083000999"),
        ("%d.%m.%Y %H:%M:%S%.f", "01.09.2013 17:00:00.083"),
        ("%Y%m%dT%H:%M:%S%.f%z", "20130901T17:00:00.083-0500"),
    ],
)
def test_declared_formats_are_read(time_format, text):
    assert utc(TimeRule("America/Chicago", time_format), [text]) == [AT]


def test_typed_times_of_parquet_are_read():
    rule = TimeRule("America/Chicago")
    assert utc(rule, [datetime(2013, 9, 1, 17, 0, 0, 83_000)], pl.Datetime("ns")) == [AT]  # noqa: DTZ001
    assert utc(rule, [AT], pl.Datetime("ns", "Europe/Berlin")) == [AT]
    assert utc(TimeRule(time_format="epoch_ms"), [1_378_072_800_083], pl.Int64()) == [AT]


@settings(max_examples=50, deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1), allow_imaginary=False),  # noqa: DTZ001
    st.sampled_from(["America/New_York", "Europe/London", "Australia/Sydney", "Asia/Tokyo", "UTC"]),
)
def test_a_time_survives_the_way_to_local_and_back(at, zone):
    column = pl.Series([at.replace(tzinfo=UTC)], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    text = column.dt.strftime("%Y-%m-%d %H:%M:%S%.6f").item()
    assert column.dt.convert_time_zone("UTC").item() in {
        moment for rule in ("earliest", "latest") for moment in utc(TimeRule(zone, None, rule), [text])
    }
    assert utc(TimeRule(zone), [text]) in ([column.dt.convert_time_zone("UTC").item()], [None])


def test_sessions_know_half_days_and_unknown_calendars():
    found = sessions("XNYS", pl.Series([datetime(2012, 1, 3).date(), datetime(2012, 12, 31).date()]))  # noqa: DTZ001
    assert found.height == 250
    assert sessions("XNYS", pl.Series([], dtype=pl.Date)).is_empty()
    with pytest.raises(UnknownNameError):
        sessions("NYSEX", pl.Series([datetime(2012, 1, 3).date()]))  # noqa: DTZ001
