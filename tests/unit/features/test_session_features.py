"""Features of the calendar against pandas, on sessions of real calendars; the laws are in tests/contract."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from given_rows import given_rows
from pydantic import ValidationError
from session_rows import calendar_rows, columns, es_rows, eurusd_rows, frame, random_rows

from tsis.bars.sessions import calendar_sessions
from tsis.core.stream import IS_HALF_DAY, SESSION, TS_CLOSE, TS_OPEN
from tsis.features.session.clock import ClockParams, clock
from tsis.features.session.session_clock import SessionClockParams, session_clock
from tsis.features.session.trading_centres import TradingCentresParams, trading_centres

SERIES = {
    # Thanksgiving: a holiday, a half day, hours around the session
    "XNYS": lambda: calendar_rows("XNYS", date(2018, 11, 19), date(2018, 11, 27), 7, early_h=5.5, late_h=4),
    # sessions begin on the evening before; Labour Day ends early
    "CMES": lambda: calendar_rows("CMES", date(2013, 8, 30), date(2013, 9, 5), 15),
    # daylight saving begins in New York, then in London, and ends the other way round
    "spring": lambda: calendar_rows("XNYS", date(2017, 3, 6), date(2017, 4, 3), 15, early_h=5.5, late_h=4),
    "autumn": lambda: calendar_rows("XLON", date(2017, 10, 23), date(2017, 11, 10), 15, early_h=2, late_h=3),
    "EURUSD": eurusd_rows,
    "ES": es_rows,
}


@pytest.fixture(scope="module", params=SERIES)
def rows(request):
    return SERIES[request.param]()


def utc(values):
    return pd.to_datetime(pd.Series(values), unit="us", utc=True)


def test_the_session_clock_is_that_of_the_calendar(rows):
    bars, found = frame(rows), columns(session_clock(SessionClockParams()), rows)
    assert len(bars) > 50
    now, opens, closes = (utc(bars[name]) for name in ("ts_close", "session_open", "session_close"))
    minute = timedelta(minutes=1)
    since = (now - opens) / minute
    np.testing.assert_allclose(found["minutes_since_open"], since, rtol=1e-12)
    np.testing.assert_allclose(found["minutes_to_close"], (closes - now) / minute, rtol=1e-12)
    within = (now > opens) & (now <= closes)
    moment_before = (now - timedelta(microseconds=1) - opens) // minute
    np.testing.assert_array_equal(found["minute_of_session"], moment_before.where(within))
    np.testing.assert_allclose(found["session_elapsed_frac"], ((now - opens) / (closes - opens)).clip(0, 1), rtol=1e-12)
    np.testing.assert_array_equal(found["pre_market"], now <= opens)
    np.testing.assert_array_equal(found["after_hours"], now > closes)
    np.testing.assert_array_equal(found["half_day"], bars["is_half_day"])
    dates = pd.to_datetime(bars["session"], unit="D")
    np.testing.assert_array_equal(found["day_of_week"], dates.dt.day_of_week)


def test_half_days_and_hours_around_them_are_known():
    found = columns(session_clock(SessionClockParams()), SERIES["XNYS"]())
    bars = frame(SERIES["XNYS"]())
    half = utc(bars["session_open"]).dt.date == date(2018, 11, 23)
    assert half.sum() > 100
    np.testing.assert_array_equal(found["half_day"] == 1.0, half)
    assert np.nanmax(found["minute_of_session"][half]) < 210 <= np.nanmax(found["minute_of_session"]) < 390
    # 5.5 hours before the open, 4 hours after the close of 13:00
    np.testing.assert_allclose(
        [found["minutes_since_open"][half].min(), found["minutes_to_close"][half].min()], [-323.0, -240.0]
    )
    assert found["pre_market"][half].sum() == 330 // 7
    assert found["after_hours"][half].sum() > 30
    assert not (found["pre_market"] * found["after_hours"]).any()


def test_trading_centres_work_by_their_own_clocks(rows):
    found = columns(trading_centres(TradingCentresParams()), rows)
    moment = utc(rows[:, TS_CLOSE]) - timedelta(microseconds=1)
    flags = {}
    for name, zone, begin, end in (
        ("asia_session", "Asia/Tokyo", 9, 18),
        ("london_session", "Europe/London", 8, 17),
        ("new_york_session", "America/New_York", 8, 17),
    ):
        local = moment.dt.tz_convert(ZoneInfo(zone))
        flags[name] = (local.dt.day_of_week < 5) & (local.dt.hour >= begin) & (local.dt.hour < end)
    flags["london_new_york_overlap"] = flags["london_session"] & flags["new_york_session"]
    for name, expected in flags.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)


def test_the_overlap_is_longer_while_only_one_of_them_has_daylight_saving():
    rows = calendar_rows("24/5", date(2017, 3, 8), date(2017, 3, 31), 60)
    found = columns(trading_centres(TradingCentresParams()), rows)["london_new_york_overlap"]
    hours = pd.Series(found).groupby(pd.to_datetime(rows[:, SESSION], unit="D")).sum()
    assert set(hours["2017-03-08":"2017-03-10"]) == {4.0}
    assert set(hours["2017-03-13":"2017-03-24"]) == {5.0}
    assert set(hours["2017-03-27":"2017-03-31"]) == {4.0}


def test_hours_of_work_can_be_chosen():
    rows = calendar_rows("24/5", date(2017, 1, 9), date(2017, 1, 10), 30)
    found = columns(trading_centres(TradingCentresParams(london=(7.5, 16.0))), rows)["london_session"]
    assert found.sum() == 2 * 17
    first = rows[np.flatnonzero(found)[0], TS_CLOSE]
    assert datetime.fromtimestamp(first / 1e6, UTC) == datetime(2017, 1, 9, 8, tzinfo=UTC)


@pytest.mark.parametrize("hours", [(9.0, 9.0), (18.0, 9.0), (-1.0, 9.0), (9.0, 25.0)])
def test_hours_that_are_none_are_refused(hours):
    with pytest.raises(ValidationError, match="no hours of a day"):
        TradingCentresParams(tokyo=hours)


def test_the_clock_of_the_day(rows):
    found = columns(clock(ClockParams()), rows)
    now = utc(rows[:, TS_CLOSE])
    part = (now - now.dt.floor("D")) / timedelta(days=1)
    np.testing.assert_allclose(found["time_of_day_sin"], np.sin(2 * np.pi * part), atol=1e-12)
    np.testing.assert_allclose(found["time_of_day_cos"], np.cos(2 * np.pi * part), atol=1e-12)
    seconds = (rows[:, TS_CLOSE] - rows[:, TS_OPEN]) / 1e6
    np.testing.assert_allclose(found["log_duration"], np.log1p(seconds), rtol=1e-15)


def test_without_a_session_only_the_session_is_missing():
    rows = given_rows("5m", 1, 200)
    rows[50:60, SESSION : IS_HALF_DAY + 1] = np.nan
    for values in columns(session_clock(SessionClockParams()), rows).values():
        assert np.isnan(values[50:60]).all()
        assert np.isfinite(np.delete(values, slice(50, 60))).all()
    for family in (trading_centres(TradingCentresParams()), clock(ClockParams())):
        assert all(np.isfinite(values).all() for values in columns(family, rows).values())


def test_bars_after_the_last_session_that_is_listed_have_none():
    listed = calendar_sessions("XNYS", date(2018, 11, 19), date(2018, 11, 20))
    start = datetime(2018, 11, 20, 14, 30, tzinfo=UTC)
    spans = [(start + timedelta(hours=i), start + timedelta(hours=i + 1)) for i in range(40)]
    found = columns(session_clock(SessionClockParams()), random_rows(spans, listed))
    is_known = np.arange(40) < 10  # to four hours after the close at 21:00
    for values in found.values():
        assert np.isnan(values[~is_known]).all()
    np.testing.assert_array_equal(found["after_hours"][is_known], [0.0] * 6 + [1.0] * 4)
