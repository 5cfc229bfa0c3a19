"""The session so far against pandas, by session, on real calendars and the bundled data."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from given_rows import given_rows
from pydantic import ValidationError
from session_rows import calendar_rows, columns, daily_rows, es_rows, eurusd_rows, frame, random_rows

from tsis.bars.sessions import calendar_sessions
from tsis.core.stream import CLOSE, FLOAT_SHARES, HIGH, LOW, OPEN, SESSION, TS_CLOSE, VOLUME
from tsis.features.volume.session_activity import SessionActivityParams, session_activity

MINUTE_US = 60_000_000
# what the module's docstring says of its places
PLACES = np.concatenate([np.arange(-360, 0, 10), np.arange(0, 30), np.arange(30, 1441, 10)]).astype(float)


def without_sessions(rows, *places):
    """Return `rows` without some of their sessions."""
    days = np.unique(rows[:, SESSION])
    return rows[~np.isin(rows[:, SESSION], days[list(places)])]


SERIES = {
    # half days of 2018-07-03, 11-23, 12-24, hours around the session, missing sessions, daylight saving in between
    "XNYS": lambda: without_sessions(
        calendar_rows("XNYS", date(2018, 10, 15), date(2019, 1, 11), 10, early_h=2, late_h=3, float_shares=3e4),
        7,
        8,
        30,
    ),
    "CMES": lambda: calendar_rows("CMES", date(2013, 8, 12), date(2013, 9, 20), 30),
    "EURUSD": eurusd_rows,
    "ES": es_rows,
    "AAPL": lambda: daily_rows("AAPL"),
}


@pytest.fixture(scope="module", params=SERIES)
def rows(request):
    return SERIES[request.param]()


def found_in(rows, **params):
    return columns(session_activity(SessionActivityParams(**params)), rows)


def close_to(found, expected, rtol=1e-11, atol=0.0):
    expected = np.asarray(expected, dtype=float)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def of_sessions(bars):
    """Return open, high, low so far and last close of each session's hours, and the close of the session before."""
    within = (bars["ts_close"] > bars["session_open"]) & (bars["ts_close"] <= bars["session_close"])
    by_session = bars.where(within).groupby(bars["session"])
    so_far = pd.DataFrame(
        {
            "open": by_session["open"].transform("first"),
            "high": by_session["high"].cummax().groupby(bars["session"]).ffill(),
            "low": by_session["low"].cummin().groupby(bars["session"]).ffill(),
        }
    )
    so_far["open"] = so_far["open"].where(so_far["high"].notna())
    last = by_session["close"].last().ffill().shift(1)
    so_far["before"] = bars["session"].map(last)
    return so_far


def test_totals_prices_and_float_are_those_of_the_session_so_far(rows):
    bars, found = frame(rows), found_in(rows)
    assert bars["session"].nunique() >= 20
    totals = bars.groupby("session")[["volume", "dollar_volume"]].cumsum()
    close_to(found["session_volume"], totals["volume"])
    close_to(found["session_dollar_volume"], totals["dollar_volume"])
    close_to(found["float_rotation"], totals["volume"] / bars["float_shares"])
    prices = of_sessions(bars)
    close_to(found["session_change"], bars["close"] / prices["before"] - 1, atol=1e-15)
    close_to(found["gap_frac"], prices["open"] / prices["before"] - 1, atol=1e-15)
    close_to(found["intraday_volatility"], (prices["high"] - prices["low"]) / prices["open"])


@pytest.mark.parametrize("n", [1, 4, 5])
def test_turnover_against_the_median_of_the_sessions_before(rows, n):
    bars, found = frame(rows), found_in(rows, sessions=n)
    totals = bars.groupby("session")["dollar_volume"].agg("sum")
    usual = bars["session"].map(totals.rolling(n).median().shift(1))
    so_far = bars.groupby("session")["dollar_volume"].cumsum()
    close_to(found[f"session_dollar_volume_ratio_{n}"], so_far / usual)


@pytest.mark.parametrize("name", ["XNYS", "CMES", "EURUSD"])
def test_rvol_is_volume_over_the_mean_by_the_same_time(name):
    n, rows = 6, SERIES[name]()
    bars = frame(rows)
    since = ((bars["ts_close"] - bars["session_open"]) / MINUTE_US).round().astype(int)
    table = bars.pivot_table(index="session", columns=since, values="volume", aggfunc="sum").fillna(0.0).cumsum(axis=1)
    usual = table.rolling(n).mean().shift(1)
    ratios = table / usual.where(usual > 0.0)
    expected = np.array([ratios.at[day, at] for day, at in zip(bars["session"], since, strict=True)])
    found = found_in(rows, sessions=n)[f"rvol_{n}"]
    is_listed = since >= -360  # earlier hours count as six hours before the open
    assert np.isfinite(found).sum() > 300
    close_to(found[is_listed], expected[is_listed])
    begun = bars["session"].rank(method="dense")
    assert np.isnan(found[begun <= n]).all()


def test_rvol_of_irregular_bars_lies_on_straight_lines():
    n, rows = 3, irregular_rows()
    found, bars = found_in(rows, sessions=n)[f"rvol_{n}"], frame(rows)
    curves, expected = [], []
    for _, session in bars.groupby("session"):
        opens, closes = ((session[name] - session["session_open"]) / MINUTE_US for name in ("ts_open", "ts_close"))
        after = session["volume"].cumsum()
        if len(curves) >= n:
            usual = np.mean(curves[-n:], axis=0)
            expected += list(after / np.interp(closes, PLACES, usual))
        else:
            expected += [np.nan] * len(session)
        times = np.column_stack([opens, closes]).ravel()
        totals = np.column_stack([after - session["volume"], after]).ravel()
        curves.append(np.interp(PLACES, times, totals, left=0.0))
    assert np.isfinite(found).sum() > 200
    close_to(found, expected)


def irregular_rows():
    """Return bars that follow each other at any time, with pauses, in the sessions of three weeks."""
    listed = calendar_sessions("XNYS", date(2018, 11, 12), date(2018, 11, 30))
    random, spans = np.random.default_rng(9), []
    for opens, closes in listed.select("open", "close").iter_rows():
        moment = opens + timedelta(seconds=float(random.uniform(0, 300)))
        while moment < closes:
            end = min(moment + timedelta(seconds=float(random.exponential(900))), closes)
            spans.append((moment, end))
            moment = end + timedelta(seconds=float(random.choice([0, 0, 0, 400])))
    return random_rows(spans, listed)


def test_daily_bars_say_what_the_daily_cache_says():
    rows = daily_rows("AAPL")
    found, bars = found_in(rows, change_frac=0.03, dollar_volume_ratio=2.0, gap_frac=0.02, rvol=1.5), frame(rows)
    full = bars["is_half_day"] == 0.0
    usual = bars["volume"].rolling(30).mean().shift(1)
    ratio = bars["dollar_volume"] / bars["dollar_volume"].rolling(30).median().shift(1)
    change, gap = bars["close"] / bars["close"].shift(1) - 1, bars["open"] / bars["close"].shift(1) - 1
    close_to(found["rvol_30"][full], (bars["volume"] / usual)[full])
    # of a full day, 210 of its 390 minutes are what a half day is compared with
    half = ~full & usual.notna() & (bars["is_half_day"].rolling(31).sum() == 1.0)
    assert half.sum() > 10
    close_to(found["rvol_30"][half], (bars["volume"] / usual * 390 / 210)[half])
    score = (change.abs() >= 0.03).astype(int) + (gap.abs() >= 0.02) + (ratio >= 2.0) + (bars["volume"] / usual >= 1.5)
    close_to(found["info_score"][full], score[full])
    assert set(score) == {0, 1, 2, 3, 4}


def test_the_score_counts_what_has_been_reached_so_far():
    rows = SERIES["XNYS"]()
    rows[:, FLOAT_SHARES] = 3e4
    given = {"change_frac": 0.02, "rvol": 1.1, "dollar_volume_ratio": 0.9, "float_rotation": 0.6, "gap_frac": 0.005}
    found = found_in(rows, sessions=5, **given)
    names = ("session_change", "rvol_5", "session_dollar_volume_ratio_5", "float_rotation", "gap_frac")
    score = sum((np.abs(found[name]) >= limit).astype(int) for name, limit in zip(names, given.values(), strict=True))
    np.testing.assert_array_equal(found["info_score"], score)
    assert set(score) == {0, 1, 2, 3, 4, 5}


def test_the_gap_is_known_with_the_first_bar_of_the_hours():
    rows = SERIES["XNYS"]()
    bars, found = frame(rows), found_in(rows)
    is_early = bars["ts_close"] <= bars["session_open"]
    assert is_early.sum() > 500
    assert np.isnan(found["gap_frac"][is_early]).all()
    assert np.isnan(found["intraday_volatility"][is_early]).all()
    later = bars["session"] > bars["session"].min()
    assert np.isfinite(found["gap_frac"][~is_early & later]).all()
    # the hours after the close change neither
    is_late = bars["ts_close"] > bars["session_close"]
    for name in ("gap_frac", "intraday_volatility"):
        assert (pd.Series(found[name])[is_late].groupby(bars["session"]).nunique() <= 1).all()


def test_a_session_over_midnight_and_a_missing_one():
    rows = calendar_rows("CMES", date(2013, 9, 2), date(2013, 9, 6), 60)
    whole, bars = found_in(rows), frame(rows)
    utc = pd.to_datetime(bars["ts_close"], unit="us", utc=True)
    inside = (bars["session"].diff() == 0) & (utc.dt.day.diff() != 0)
    assert inside.sum() >= 4
    assert (np.diff(whole["session_volume"], prepend=0.0)[inside] > 0).all()
    days = np.unique(rows[:, SESSION])
    kept = rows[rows[:, SESSION] != days[2]]
    found = found_in(kept)
    at = np.flatnonzero(kept[:, SESSION] == days[3])[0]
    last = rows[rows[:, SESSION] == days[1]][-1]
    assert last[TS_CLOSE] <= last[16]
    assert found["gap_frac"][at] == kept[at, OPEN] / last[CLOSE] - 1.0


def test_a_bar_without_volume_or_price_is_passed_over():
    rows = SERIES["XNYS"]()
    at = 1_500
    without = rows.copy()
    without[at, VOLUME] = np.nan
    nothing = rows.copy()
    nothing[at, VOLUME] = 0.0
    found, same = found_in(without, sessions=5), found_in(nothing, sessions=5)
    for name in ("session_volume", "rvol_5", "float_rotation"):
        assert np.isnan(found[name][at])
        # but for where the bar's minutes lie in the curve, which nothing was traded in
        np.testing.assert_allclose(found[name][at + 1 :], same[name][at + 1 :], rtol=1e-14)
    np.testing.assert_array_equal(found["gap_frac"], same["gap_frac"])
    without = rows.copy()
    without[at, HIGH] = np.nan
    found, same = found_in(without), found_in(rows)
    for name in ("session_change", "gap_frac", "intraday_volatility"):
        assert np.isnan(found[name][at])
    np.testing.assert_array_equal(found["session_volume"], same["session_volume"])
    assert np.isfinite(found["info_score"]).all()


def test_without_a_session_all_are_missing_and_nothing_is_counted():
    rows = SERIES["XNYS"]()
    lost = rows.copy()
    lost[700:760, SESSION : SESSION + 4] = np.nan
    found = found_in(lost, sessions=5)
    without = found_in(np.delete(rows, slice(700, 760), axis=0), sessions=5)
    for name, values in found.items():
        assert np.isnan(values[700:760]).all(), name
        np.testing.assert_allclose(np.delete(values, slice(700, 760)), without[name], rtol=1e-14, err_msg=name)


def test_a_misprint_is_forgotten_with_the_last_session_that_counts():
    n, rows = 5, SERIES["CMES"]()
    days = np.unique(rows[:, SESSION])
    other = rows.copy()
    at = np.flatnonzero(rows[:, SESSION] == days[6])[3]
    other[at, [VOLUME, 7]] = 1e9
    other[at, HIGH], other[at, LOW] = 1e9, 1e-9
    clean, after = found_in(rows, sessions=n), found_in(other, sessions=n)
    later = rows[:, SESSION] > days[6 + n]
    assert later.sum() > 100
    for name in clean:
        np.testing.assert_allclose(after[name][later], clean[name][later], rtol=1e-12, err_msg=name)


def test_the_earliest_warm_up_is_that_of_one_bar_a_session():
    bank = session_activity(SessionActivityParams(sessions=4))
    rows = given_rows("1d", 2, 60)
    rows[:, VOLUME] += 1.0
    rows[:, 7] += 1.0
    for output, values in zip(bank.outputs, columns(bank, rows).values(), strict=True):
        assert np.flatnonzero(np.isfinite(values))[0] == output.warm_up, output.name


def test_one_session_that_is_not_over_counts_when_the_next_begins():
    start = datetime(2018, 11, 20, 14, 30, tzinfo=UTC)
    listed = calendar_sessions("XNYS", date(2018, 11, 20), date(2018, 11, 21))
    spans = [(start + timedelta(minutes=i), start + timedelta(minutes=i + 1)) for i in (0, 1, 1_440, 1_441, 1_445)]
    rows = random_rows(spans, listed)
    rows[:, VOLUME] = [10.0, 30.0, 20.0, 60.0, 5.0]
    np.testing.assert_allclose(found_in(rows, sessions=1)["rvol_1"], [np.nan, np.nan, 2.0, 2.0, 85 / 40])


@pytest.mark.parametrize("given", [{"sessions": 0}, {"rvol": 0.0}, {"gap_frac": -1.0}, {"lookback": 3}])
def test_impossible_parameters_are_refused(given):
    with pytest.raises(ValidationError):
        SessionActivityParams(**given)
