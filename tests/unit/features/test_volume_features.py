"""Features of volume and price against TA-Lib and plain formulas; the laws are in tests/contract."""

from datetime import date
from math import fsum

import numpy as np
import pandas as pd
import pytest
import talib
from given_rows import given_rows
from pydantic import ValidationError
from session_rows import calendar_rows, columns, daily_rows, es_rows, eurusd_rows, frame

from tsis.core.stream import CLOSE, HIGH, LOW, OPEN, SESSION, TS_CLOSE, VOLUME, VWAP
from tsis.features.volume.accumulation import AccumulationParams, accumulation
from tsis.features.volume.money_flow import MoneyFlowParams, money_flow
from tsis.features.volume.relative_volume import RelativeVolumeParams, relative_volume
from tsis.features.volume.vwap import VwapParams, vwap

SERIES = {
    "random": lambda: given_rows("5m", 2, 5_000),
    "random hours": lambda: given_rows("1h", 4, 3_000),
    "EURUSD": eurusd_rows,
    "ES": es_rows,
    "AAPL": lambda: daily_rows("AAPL"),
}
BANKS = {
    "accumulation": accumulation(AccumulationParams()),
    "money_flow": money_flow(MoneyFlowParams()),
    "relative_volume": relative_volume(RelativeVolumeParams()),
    "vwap": vwap(VwapParams()),
}


@pytest.fixture(scope="module", params=SERIES)
def rows(request):
    return SERIES[request.param]()


def ohlcv(rows):
    return tuple(np.ascontiguousarray(rows[:, stream]) for stream in (OPEN, HIGH, LOW, CLOSE, VOLUME))


def close_to(found, expected, rtol=1e-9, scale=0.0):
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)


def test_obv_ad_line_and_their_oscillator_are_those_of_ta_lib(rows):
    _, high, low, close, volume = ohlcv(rows)
    found = columns(BANKS["accumulation"], rows)
    close_to(found["obv"], talib.OBV(close, volume))
    close_to(found["ad_line"], talib.AD(high, low, close, volume), scale=np.abs(found["ad_line"]).max())
    expected = talib.ADOSC(high, low, close, volume, 3, 10)
    close_to(found["adosc_3_10"], expected, scale=volume.max())
    assert np.flatnonzero(np.isfinite(found["adosc_3_10"]))[0] == 9


def test_other_periods_of_the_oscillator(rows):
    _, high, low, close, volume = ohlcv(rows)
    found = columns(accumulation(AccumulationParams(fast=5, slow=21)), rows)
    close_to(found["adosc_5_21"], talib.ADOSC(high, low, close, volume, 5, 21), scale=volume.max())


def test_money_flow_index_is_that_of_ta_lib(rows):
    _, high, low, close, volume = ohlcv(rows)
    typical = (high + low + close) / 3.0
    steps = np.diff(typical, prepend=np.nan)
    moves = np.abs(steps) > 1e-9 * typical
    for n in (2, 14, 30):
        found = columns(money_flow(MoneyFlowParams(mfi=n)), rows)[f"mfi_{n}"]
        # TA-Lib takes rounding for a move, and says 0 where nothing moved
        is_rounded = pd.Series(~moves & (steps != 0.0)).rolling(n, min_periods=1).max().to_numpy() > 0.0
        expected = talib.MFI(high, low, close, volume, n)
        known = np.isfinite(found) & ~is_rounded
        assert known.sum() > 100
        close_to(found[known], expected[known], scale=100.0)
        money = pd.Series(typical * volume)
        money[0] = np.nan
        risen, moved = (money.where(which, 0.0 * money).rolling(n).sum() for which in (moves & (steps > 0), moves))
        close_to(found, (100 * risen / moved).where(moved > 1.0).to_numpy(), scale=100.0)


def test_chaikin_money_flow_is_its_formula(rows):
    bars = frame(rows)
    width = bars["high"] - bars["low"]
    place = ((2 * bars["close"] - bars["high"] - bars["low"]) / width).where(width > 0, 0.0)
    expected = (place * bars["volume"]).rolling(20).sum() / bars["volume"].rolling(20).sum()
    close_to(columns(BANKS["money_flow"], rows)["cmf_20"], expected.to_numpy(), scale=1.0)


def test_volume_and_turnover_against_those_before(rows):
    bars, found = frame(rows), columns(BANKS["relative_volume"], rows)
    volume, turnover = bars["volume"], bars["dollar_volume"]
    close_to(found["volume_ratio_20"], (volume / volume.rolling(20).mean().shift(1)).to_numpy())
    exact = [np.nan] * 19 + [
        (window[-1] - window.mean()) / window.std(ddof=1)
        for window in np.lib.stride_tricks.sliding_window_view(volume.to_numpy(), 20)
    ]
    close_to(found["volume_zscore_20"], np.array(exact), scale=1.0)
    close_to(found["bar_dollar_volume"], turnover.to_numpy(), rtol=0.0)
    close_to(found["dollar_volume_ratio_20"], (turnover / turnover.rolling(20).mean().shift(1)).to_numpy())
    close_to(found["dollar_volume_mean_20"], turnover.rolling(20).mean().to_numpy())


def test_vwap_of_the_session_and_of_the_last_bars(rows):
    bars, found = frame(rows), columns(vwap(VwapParams(periods=(20, 7))), rows)
    price = bars["vwap"].fillna((bars["high"] + bars["low"] + bars["close"]) / 3.0)
    paid = price * bars["volume"]
    sums = pd.DataFrame({"paid": paid, "volume": bars["volume"]}).groupby(bars["session"]).cumsum()
    session = (sums["paid"] / sums["volume"]).where(sums["volume"] > 0)
    close_to(found["session_vwap"], session.to_numpy())
    close_to(found["session_vwap_distance"], (bars["close"] / session - 1).to_numpy(), scale=1.0)
    for n in (7, 20):
        expected = (paid.rolling(n).sum() / bars["volume"].rolling(n).sum()).to_numpy()
        close_to(found[f"vwap_{n}"], expected)
        close_to(found[f"vwap_distance_{n}"], bars["close"].to_numpy() / expected - 1, scale=1.0)


def test_session_vwap_takes_in_the_hours_around_the_session():
    rows = calendar_rows("XNYS", date(2018, 11, 19), date(2018, 11, 27), 30, early_h=2, late_h=3)
    found, bars = columns(BANKS["vwap"], rows)["session_vwap"], frame(rows)
    begins = bars["session"].diff().ne(0).to_numpy()
    assert begins.sum() == 6
    close_to(found[begins], bars["vwap"].to_numpy()[begins])


@pytest.mark.parametrize("name", BANKS)
def test_each_has_its_first_value_after_its_warm_up(name):
    rows = given_rows("5m", 2, 300)
    rows[:, VOLUME] = 1.0 + np.arange(300) % 7
    for output, values in zip(BANKS[name].outputs, columns(BANKS[name], rows).values(), strict=True):
        assert np.flatnonzero(np.isfinite(values))[0] == output.warm_up, output.name
        assert np.isfinite(values[output.warm_up :]).all(), output.name


@pytest.mark.parametrize("bad", ["misprint", "missing"])
def test_windows_forget_what_has_left_them(bad):
    rows = given_rows("5m", 2, 800)
    other = rows.copy()
    if bad == "misprint":
        other[300, [HIGH, VOLUME, VWAP]] = 1e9
    else:
        other[300, [OPEN, HIGH, LOW, CLOSE, VOLUME, VWAP]] = np.nan
    for name in ("money_flow", "relative_volume", "vwap"):
        clean, after = columns(BANKS[name], rows), columns(BANKS[name], other)
        for column in clean:
            if bad == "missing" and column != "bar_dollar_volume" and "dollar_volume" not in column:
                assert np.isnan(after[column][300])
            np.testing.assert_allclose(after[column][480:], clean[column][480:], rtol=1e-12, err_msg=column)
            if "session" not in column:
                np.testing.assert_allclose(after[column][322:], clean[column][322:], rtol=1e-12, err_msg=column)


def test_sums_and_oscillator_pass_over_a_missing_bar():
    rows = given_rows("5m", 2, 400)
    other = rows.copy()
    other[200, CLOSE] = np.nan
    after = columns(BANKS["accumulation"], other)
    without = columns(BANKS["accumulation"], np.delete(rows, 200, axis=0))
    for column, values in after.items():
        assert np.isnan(values[200])
        np.testing.assert_array_equal(np.delete(values, 200), without[column], err_msg=column)


def test_oscillator_forgets_a_misprint():
    rows = given_rows("5m", 2, 1_000)
    other = rows.copy()
    other[100, VOLUME] = 1e9
    clean, after = (columns(BANKS["accumulation"], x)["adosc_3_10"] for x in (rows, other))
    np.testing.assert_allclose(after[400:], clean[400:], rtol=1e-12, atol=1e-9)


def test_sums_over_many_bars_do_not_drift():
    rows = np.tile(given_rows("5m", 2, 1_000), (300, 1))
    rows[:, VOLUME] = np.random.default_rng(3).random(len(rows)) * 1e6 + 0.1
    _, high, low, close, volume = ohlcv(rows)
    found = columns(BANKS["accumulation"], rows)
    place = np.where(high > low, ((close - low) - (high - close)) / np.where(high > low, high - low, 1.0), 0.0)
    signed = volume * np.sign(np.diff(close, prepend=-np.inf))
    for column, terms in {"obv": signed, "ad_line": place * volume}.items():
        exact = fsum(terms.tolist())
        assert abs(found[column][-1] - exact) <= 4e-16 * abs(exact) + 1e-9, column


def test_nothing_traded_is_missing():
    rows = given_rows("5m", 2, 100)
    rows[:, [VOLUME]] = 0.0
    for name in ("money_flow", "vwap"):
        assert all(np.isnan(values).all() for values in columns(BANKS[name], rows).values())
    found = columns(BANKS["relative_volume"], rows)
    assert np.isnan(found["volume_ratio_20"]).all()
    assert np.isnan(found["volume_zscore_20"]).all()


def test_a_row_without_session_has_no_session_vwap():
    rows = given_rows("5m", 2, 100)
    other = rows.copy()
    other[40:50, SESSION] = np.nan
    found, without = columns(BANKS["vwap"], other), columns(BANKS["vwap"], np.delete(rows, slice(40, 50), axis=0))
    assert np.isnan(found["session_vwap"][40:50]).all()
    np.testing.assert_array_equal(np.delete(found["session_vwap"], slice(40, 50)), without["session_vwap"])
    assert np.isfinite(found["vwap_20"][40:50]).all()
    assert np.isfinite(rows[:, TS_CLOSE]).all()


@pytest.mark.parametrize(
    ("params", "given"),
    [
        (VwapParams, {"periods": (20, 20)}),
        (VwapParams, {"periods": (1,)}),
        (MoneyFlowParams, {"mfi": 0}),
        (RelativeVolumeParams, {"period": 1}),
        (AccumulationParams, {"fast": 10, "slow": 3}),
    ],
)
def test_impossible_parameters_are_refused(params, given):
    with pytest.raises(ValidationError):
        params(**given)
