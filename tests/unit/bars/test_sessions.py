from datetime import UTC, date, datetime

import polars as pl
import pytest

from tsis.bars.sessions import SessionsParams, calendar_sessions, sessions
from tsis.core.errors import ParamsError, UnknownNameError
from tsis.core.table import spec
from tsis.tables.reference.exchanges_dim import ExchangesDim
from tsis.tables.reference.sessions import Sessions

NEW_YORK = {"mic": "XNYS", "name": "NYSE", "timezone": "America/New_York", "calendar": "XNYS"}
CHICAGO = {"mic": "XCME", "name": "CME", "timezone": "America/Chicago", "calendar": "CMES"}


def exchanges(*rows):
    known = {"known_at": datetime(2000, 1, 1, tzinfo=UTC)}
    return pl.DataFrame([row | known for row in rows], schema=spec(ExchangesDim).polars_schema)


def test_new_york_in_three_years_and_a_christmas_eve():
    found = sessions(exchanges_dim=exchanges(NEW_YORK), params=SessionsParams(last=date(2021, 12, 31)))
    counts = dict(found.group_by(pl.col("session").dt.year()).len().iter_rows())
    assert {year: counts[year] for year in (2012, 2018, 2021)} == {2012: 250, 2018: 251, 2021: 252}
    eve = found.row(by_predicate=pl.col("session") == date(2001, 12, 24), named=True)
    assert eve["close"] == datetime(2001, 12, 24, 18, tzinfo=UTC)
    assert eve["is_half_day"]
    usual = found.row(by_predicate=pl.col("session") == date(2001, 12, 26), named=True)
    assert (usual["open"], usual["close"]) == (
        datetime(2001, 12, 26, 14, 30, tzinfo=UTC),
        datetime(2001, 12, 26, 21, tzinfo=UTC),
    )
    assert not usual["is_half_day"]


def test_sessions_meet_their_contract_in_key_order():
    params = SessionsParams(first=date(2013, 8, 1), last=date(2013, 9, 30))
    found = sessions(exchanges_dim=exchanges(NEW_YORK, CHICAGO), params=params)
    spec(Sessions).schema.validate(found)
    assert found.equals(found.sort("exchange", "session"))
    assert set(found["exchange"]) == {"XNYS", "XCME"}
    # the CME trades on Labor Day, and closes early
    assert found.row(by_predicate=(pl.col("session") == date(2013, 9, 2)), named=True)["is_half_day"]


def test_no_exchange_gives_no_session():
    found = sessions(exchanges_dim=exchanges(), params=SessionsParams())
    spec(Sessions).schema.validate(found)
    assert found.is_empty()


def test_the_range_is_cut_to_what_the_calendar_covers():
    early = calendar_sessions("XSHG", date(1980, 1, 1), date(1991, 1, 31))
    assert early["session"].min() > date(1990, 11, 30)
    assert calendar_sessions("XSHG", date(1980, 1, 1), date(1981, 1, 1)).is_empty()
    assert calendar_sessions("XNYS", date(2018, 1, 6), date(2018, 1, 7)).is_empty()


def test_an_unknown_calendar_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown calendar 'XNYZ'"):
        sessions(exchanges_dim=exchanges(NEW_YORK | {"calendar": "XNYZ"}), params=SessionsParams())


def test_a_reversed_range_is_refused():
    with pytest.raises(ParamsError, match="swap them"):
        SessionsParams(first=date(2019, 1, 1), last=date(2018, 1, 1))


def test_a_range_of_one_day_is_that_day():
    found = calendar_sessions("XNYS", date(2013, 7, 3), date(2013, 7, 3))
    assert found["session"].to_list() == [date(2013, 7, 3)]
    assert found["is_half_day"].to_list() == [True]
    assert calendar_sessions("XNYS", date(2013, 7, 4), date(2013, 7, 4)).is_empty()
