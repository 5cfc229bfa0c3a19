"""Scanning: what is pruned is not opened, and what is asked wrongly is refused clearly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import T0, declared, flip_byte, new_lake, rows, shuffled, sorted_rows, trades

from tsis.core.errors import IntegrityError, StoreError, UnknownNameError, UsageError
from tsis.lake import Lake

TRADES = "raw.trades"
DAY = timedelta(days=1)


@pytest.fixture
def week(lake: Lake) -> Lake:
    """Return a lake with a trade of BAC and XOM on each of three days, in one file a day."""
    lake.append(TRADES, pl.concat([trades(3, step_s=86_400.0, ticker=ticker) for ticker in ("BAC", "XOM")]))
    return lake


def remove(lake: Lake, *partitions: str) -> None:
    for partition in partitions:
        (path,) = (lake.root / "raw/trades" / partition).glob("*.parquet")
        path.unlink()


def test_files_of_other_days_are_not_opened(week: Lake) -> None:
    remove(week, "date=2020-01-02", "date=2020-01-04")
    found = week.scan(TRADES, start=T0 + DAY, end=T0 + DAY + timedelta(seconds=1)).collect()
    assert found["ts"].unique().to_list() == [T0 + DAY]
    assert week.scan(TRADES, start=T0 + timedelta(microseconds=1), end=T0 + 2 * DAY).collect().height == 2


def test_files_of_other_tickers_are_not_opened(week: Lake) -> None:
    week.append(TRADES, trades(1, ticker="MSFT", start=T0 + 9 * DAY))
    remove(week, "date=2020-01-02", "date=2020-01-03", "date=2020-01-04")
    assert week.scan(TRADES, tickers=["AAPL", "ZM"]).collect().is_empty()
    with pytest.raises(IntegrityError):
        week.scan(TRADES, tickers=["IBM"])  # between BAC and XOM
    assert week.scan(TRADES, tickers=["MSFT"], start=T0 + 5 * DAY).collect().height == 1


def test_a_missing_or_truncated_file_is_named_with_the_rows_that_it_held(week: Lake) -> None:
    (path,) = (week.root / "raw/trades/date=2020-01-03").glob("*.parquet")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(IntegrityError, match=rf"{path.name}: altered file .*2 rows, key BAC .* to XOM"):
        week.scan(TRADES)
    path.unlink()
    with pytest.raises(IntegrityError, match=rf"raw.trades: .*{path.name}: missing file.*'tsis lake check'"):
        week.scan(TRADES)


def test_damaged_rows_get_no_new_hash(week: Lake) -> None:
    """A partition that is rewritten is read in full: a flipped byte must not become part of a sound version."""
    (path,) = (week.root / "raw/trades/date=2020-01-03").glob("*.parquet")
    flip_byte(path)
    late = trades(1, start=T0 + DAY)
    with pytest.raises(IntegrityError, match="SHA-256 differs"):
        week.append(TRADES, late)
    with week.transaction([TRADES]) as transaction:
        transaction.stage(TRADES, late, "file")
        with pytest.raises(IntegrityError, match="SHA-256 differs"):
            transaction.append_staged(TRADES, has_vendor_seq=True)
    week.append(TRADES, trades(1, start=T0 + 2 * DAY))


@pytest.mark.parametrize(
    "zone", [UTC, ZoneInfo("America/New_York"), timezone(timedelta(hours=5, minutes=30))], ids=["utc", "iana", "fixed"]
)
def test_bounds_in_any_time_zone(week: Lake, zone: ZoneInfo) -> None:
    start, end = (T0 + DAY).astimezone(zone), (T0 + 2 * DAY).astimezone(zone)
    assert week.scan(TRADES, start=start, end=end).collect()["ts"].unique().to_list() == [T0 + DAY]
    assert week.scan(TRADES, asof=T0.astimezone(zone)).collect().height == 6
    assert week.scan(TRADES, asof=T0.astimezone(zone) - timedelta(microseconds=1)).collect().is_empty()


@settings(max_examples=60, deadline=None)
@given(
    first=st.integers(-5, 100),
    length=st.integers(0, 100),
    wanted=st.none() | st.lists(st.sampled_from(["A", "AA", "B", "IBM", "Z.A"]), max_size=3),
)
def test_pruning_is_filtering(many: Lake, first: int, length: int, wanted: list[str] | None) -> None:
    start, end = (T0 + timedelta(hours=hours) for hours in (first, first + length))
    expected = many.scan(TRADES).collect().filter((pl.col("ts") >= start) & (pl.col("ts") < end))
    if wanted is not None:
        expected = expected.filter(pl.col("ticker").is_in(wanted))
    found = many.scan(TRADES, tickers=wanted, start=start, end=end)
    assert sorted_rows(found).equals(expected.sort(declared()[TRADES].key))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with 90 hours of four tickers, some of it revised, some deleted."""
    lake = new_lake(tmp_path_factory.mktemp("many"))
    series = [trades(90, step_s=3_600.0, ticker=ticker) for ticker in ("A", "AA", "B", "Z.A")]
    revised = [part[10:40].with_columns(price=1.0, known_at=T0 + 40 * DAY) for part in series[:2]]
    deleted = [part[20:30].with_columns(is_deleted=True, known_at=T0 + 50 * DAY) for part in series[1:3]]
    lake.append(TRADES, shuffled(pl.concat([*series, *revised, *deleted])))
    return lake


def test_no_tickers_are_no_rows(week: Lake) -> None:
    assert week.scan(TRADES, tickers=[]).collect().equals(declared()[TRADES].empty())
    week.replace("signals.setups", rows("signals.setups", 1, ticker="IBM"))
    assert week.scan("signals.setups", tickers=[]).collect().is_empty()
    assert week.scan("signals.setups", tickers=["IBM"]).collect().height == 1


def test_the_zone_may_be_left_out(week: Lake) -> None:
    assert week.scan("trades").collect().equals(week.scan(TRADES).collect())


def test_an_empty_lake_has_empty_tables(lake: Lake) -> None:
    for name, spec in lake.tables.items():
        assert lake.scan(name).collect().equals(spec.empty())


def test_wrong_questions_are_refused(week: Lake) -> None:
    naive = datetime(2020, 1, 2)  # noqa: DTZ001
    for bounds in ({"start": naive}, {"end": naive}, {"asof": naive}):
        with pytest.raises(UsageError, match="need a time zone"):
            week.scan(TRADES, **bounds)
    for ticker in ("../x", "CON", "", "a b"):
        with pytest.raises(UsageError, match="can't be a ticker"):
            week.scan(TRADES, tickers=[ticker])
    with pytest.raises(UsageError, match=r"write tickers=\['IBM'\]"):
        week.scan(TRADES, tickers="IBM")
    with pytest.raises(UsageError, match="has no time column"):
        week.scan("reference.tickers_dim", start=T0)
    with pytest.raises(UsageError, match="has no column ticker"):
        week.scan("reference.sessions", tickers=["IBM"])
    with pytest.raises(UsageError, match="never revised; leave out asof"):
        week.scan("processed_features.daily_cache", asof=T0)


def test_an_unknown_table_is_answered_with_the_nearest(week: Lake) -> None:
    for asked, nearest in {"raw.tades": "raw.trades", "qotes": "quotes"}.items():
        with pytest.raises(UnknownNameError, match=rf"unknown table '{asked}'; did you mean '{nearest}'\?"):
            week.scan(asked)


def test_time_travel_by_manifest_and_by_snapshot(lake: Lake) -> None:
    versions, snapshots = [], []
    for n in range(1, 5):
        versions.append(lake.append(TRADES, trades(n)).version)
        lake.append("raw.quotes", rows("raw.quotes", n, seq=list(range(n))))
        snapshots.append(lake.snapshot().id)
    for n, (version, snapshot) in enumerate(zip(versions, snapshots, strict=True), start=1):
        for name in (version, version[:8], snapshot, snapshot[:12]):
            assert sorted_rows(lake.scan(TRADES, version=name)).equals(trades(n))
        assert lake.scan("raw.quotes", version=snapshot).collect().height == n


def test_a_table_was_empty_before_its_first_version(lake: Lake) -> None:
    lake.append(TRADES, trades(2))
    before = lake.snapshot().id
    lake.append("raw.quotes", rows("raw.quotes", 1))
    assert lake.scan("raw.quotes", version=before).collect().is_empty()


def test_an_unknown_version_is_refused(week: Lake) -> None:
    current = week.snapshot().tables[TRADES]
    for version in ("", current[:7], "0" * 64, "../../x", current + "0"):
        with pytest.raises(StoreError, match=r"raw\.trades: version '.*' is not known; 'tsis lake history'"):
            week.scan(TRADES, version=version)


def test_a_lake_without_its_snapshot_is_not_an_empty_one(week: Lake, tmp_path: Path) -> None:
    (week.root / "_snapshot.json").rename(tmp_path / "elsewhere.json")
    for use in (lambda: week.scan(TRADES), lambda: week.append(TRADES, trades(9))):
        with pytest.raises(IntegrityError, match=r"_snapshot\.json is missing; copy the one"):
            use()
    (tmp_path / "elsewhere.json").rename(week.root / "_snapshot.json")
    assert week.scan(TRADES).collect().height == 6
