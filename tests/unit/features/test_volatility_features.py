"""Volatility and range: TA-Lib bar by bar, formulas written anew, what is missing, what is extreme."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib
from pydantic import ValidationError
from volatility_rows import broken_laws, columns, rows

from tsis.core.stream import CLOSE, HIGH, LOW, OPEN
from tsis.features.families import families

N = 1_500
FAMILIES = {
    name: family for name, family in families().items() if family.module.startswith("tsis.features.volatility.")
}
BANKS = {name: family(family.params()) for name, family in FAMILIES.items()}
MORE = {
    "atr": {"periods": (1, 7, 14)},
    "bollinger": {"periods": (2, 50), "width": 1.5},
    "donchian": {"periods": (1, 2, 33)},
    "keltner": {"period": 5, "range_period": 30, "width": 1.0},
    "range_volatility": {"periods": (2, 64)},
    "realised_variance": {"periods": (2, 50)},
    "rolling_volatility": {"periods": (2, 300)},
    "volatility": {"spans": (2, 3, 500)},
}


def bundled():
    """Return the ES dollar bars of January 2015 that come with the repository."""
    bars = pl.read_parquet(Path(__file__).parents[3] / "data/sample/es_dollar_bars.parquet")
    given = rows(bars.height, 0)
    given[:, [OPEN, HIGH, LOW, CLOSE]] = bars.select("open", "high", "low", "close").to_numpy()
    return given


SERIES = {"random": rows(N, 1), "bundled": bundled()}
every_series = pytest.mark.parametrize("given", SERIES.values(), ids=SERIES)


def made(name, given, **params):
    return columns(FAMILIES[name](FAMILIES[name].params(**params)), given)


def prices(given):
    return (given[:, stream].copy() for stream in (OPEN, HIGH, LOW, CLOSE))


def close_to(found, expected, **tolerance):
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, **({"rtol": 1e-9} | tolerance))


def log_returns(given):
    close = pd.Series(given[:, CLOSE])
    return np.log(close / close.shift())


@every_series
@pytest.mark.parametrize("period", [1, 7, 14])
def test_atr_is_that_of_ta_lib(given, period):
    _, high, low, close = prices(given)
    found = made("atr", given, periods=(period,))
    average = talib.ATR(high, low, close, period)
    close_to(found[f"atr_{period}"], average)
    close_to(found[f"atr_frac_{period}"], average / close)
    if period > 1:  # for one bar TA-Lib's is the true range itself, not over the close
        close_to(100.0 * found[f"atr_frac_{period}"], talib.NATR(high, low, close, period))


@every_series
@pytest.mark.parametrize(("period", "width"), [(20, 2.0), (2, 1.5), (100, 3.0)])
def test_bollinger_bands_are_those_of_ta_lib(given, period, width):
    close = given[:, CLOSE].copy()
    found = made("bollinger", given, periods=(period,), width=width)
    upper, middle, lower = talib.BBANDS(close, period, width, width)
    close_to(found[f"bollinger_upper_{period}"], upper)
    close_to(found[f"bollinger_middle_{period}"], middle)
    close_to(found[f"bollinger_lower_{period}"], lower)
    half = width * pd.Series(close).rolling(period).apply(np.std, raw=True).to_numpy()
    mean = pd.Series(close).rolling(period).apply(np.mean, raw=True).to_numpy()
    close_to(found[f"bollinger_width_{period}"], 2.0 * half / mean, rtol=1e-10)
    half[half == 0.0] = np.nan
    close_to(found[f"bollinger_pct_b_{period}"], (close - mean + half) / (2.0 * half), rtol=1e-9, atol=1e-10)


@every_series
@pytest.mark.parametrize("period", [2, 20, 55])
def test_donchian_channel_is_that_of_ta_lib(given, period):
    _, high, low, close = prices(given)
    found = made("donchian", given, periods=(period,))
    top, bottom = talib.MAX(high, period), talib.MIN(low, period)
    np.testing.assert_array_equal(found[f"donchian_upper_{period}"], top)
    np.testing.assert_array_equal(found[f"donchian_lower_{period}"], bottom)
    close_to(found[f"donchian_middle_{period}"], (top + bottom) / 2)
    close_to(found[f"donchian_place_{period}"], (close - bottom) / (top - bottom))


@every_series
@pytest.mark.parametrize(("period", "ranges", "width"), [(20, 10, 2.0), (5, 30, 1.0)])
def test_keltner_channel_is_made_of_ta_libs_averages(given, period, ranges, width):
    _, high, low, close = prices(given)
    found = made("keltner", given, period=period, range_period=ranges, width=width)
    middle, half = talib.EMA(close, period), width * talib.ATR(high, low, close, ranges)
    middle[np.isnan(half)] = np.nan
    close_to(found[f"keltner_middle_{period}"], middle)
    close_to(found[f"keltner_upper_{period}"], middle + half)
    close_to(found[f"keltner_lower_{period}"], middle - half)
    close_to(found[f"keltner_place_{period}"], (close - middle + half) / (2.0 * half), atol=1e-9)


@every_series
@pytest.mark.parametrize("period", [2, 20, 60])
def test_rolling_volatility_is_that_of_pandas_and_ta_lib(given, period):
    returns = log_returns(given)
    found = made("rolling_volatility", given, periods=(period,))[f"rolling_volatility_{period}"]
    expected = returns.rolling(period).apply(lambda window: window.std(ddof=1), raw=True)
    close_to(found, expected.to_numpy(), rtol=1e-10, atol=1e-18)
    if period > 2:  # TA-Lib takes a difference of two sums, and gives 0 where little is left
        by_n = talib.STDDEV(returns.to_numpy()[1:], period)
        np.testing.assert_allclose(found[1:], by_n * np.sqrt(period / (period - 1)), rtol=1e-9)


@every_series
@pytest.mark.parametrize("span", [20, 100])
def test_ewm_volatility_is_that_of_pandas(given, span):
    found = made("volatility", given)[f"volatility_{span}"]
    expected = pd.Series(given[:, CLOSE]).pct_change().ewm(span=span).std().to_numpy(copy=True)
    expected[:span] = np.nan
    close_to(found, expected, rtol=1e-10)


def by_window(period, figure, *values):
    """Return `figure` of each window of the last `period` rows by itself."""
    n = len(values[0])
    out = np.full(n, np.nan)
    for i in range(period - 1, n):
        out[i] = figure(*(value[i - period + 1 : i + 1] for value in values))
    return out


@pytest.mark.parametrize("period", [2, 20])
def test_range_estimators_are_their_formulas(period):
    """As they stand in their papers.

    Parkinson, J. of Business 53 (1980) 61-65; Garman and Klass, ibid. 67-78 (the practical form); Rogers and Satchell,
    Annals of Applied Probability 1 (1991) 504-512; Yang and Zhang, J. of Business 73 (2000) 477-491.
    """
    given = rows(600, 7)
    opened, high, low, close = prices(given)
    before = np.concatenate([[np.nan], close[:-1]])

    def parkinson(h, low):
        return np.sqrt(np.sum(np.log(h / low) ** 2) / (4.0 * len(h) * np.log(2.0)))

    def garman_klass(o, h, low, c):
        return np.sqrt(np.mean(0.5 * np.log(h / low) ** 2 - (2.0 * np.log(2.0) - 1.0) * np.log(c / o) ** 2))

    def rogers_satchell(o, h, low, c):
        return np.sqrt(np.mean(np.log(h / c) * np.log(h / o) + np.log(low / c) * np.log(low / o)))

    def yang_zhang(o, h, low, c, b):
        n = len(o)
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        return np.sqrt(
            np.var(np.log(o / b), ddof=1)
            + k * np.var(np.log(c / o), ddof=1)
            + (1 - k) * rogers_satchell(o, h, low, c) ** 2
        )

    found = made("range_volatility", given, periods=(period,))
    close_to(found[f"parkinson_{period}"], by_window(period, parkinson, high, low))
    close_to(found[f"garman_klass_{period}"], by_window(period, garman_klass, opened, high, low, close))
    close_to(found[f"rogers_satchell_{period}"], by_window(period, rogers_satchell, opened, high, low, close))
    close_to(found[f"yang_zhang_{period}"], by_window(period, yang_zhang, opened, high, low, close, before))


def test_range_estimators_find_the_volatility_of_a_random_walk():
    """Of bars of many small steps of known variance each estimate is near it."""
    steps = np.random.default_rng(8).normal(0.0, 1e-3 / 20.0, (4_000, 400))
    paths = np.cumsum(np.concatenate([np.zeros((4_000, 1)), steps], axis=1), axis=1)
    begins = np.concatenate([[0.0], np.cumsum(paths[:-1, -1])])
    paths = np.exp(begins[:, None] + paths) * 100.0
    given = rows(4_000, 8)
    given[:, OPEN], given[:, CLOSE] = paths[:, 0], paths[:, -1]
    given[:, HIGH], given[:, LOW] = paths.max(axis=1), paths.min(axis=1)
    found = made("range_volatility", given, periods=(1_000,))
    for name in ("parkinson", "garman_klass", "rogers_satchell", "yang_zhang"):
        assert found[f"{name}_1000"][-1] == pytest.approx(1e-3, rel=0.08), name


@pytest.mark.parametrize("period", [2, 20])
def test_variation_and_jumps_are_their_formulas(period):
    """As they stand in their papers, with mu_1^-2 = pi / 2.

    Barndorff-Nielsen and Shephard, J. of Financial Econometrics 2 (2004) 1-37; the factor n / (n - 1) and the share
    are of Huang and Tauchen, ibid. 3 (2005) 456-499.
    """
    given = rows(600, 9)
    returns = log_returns(given).to_numpy()
    found = made("realised_variance", given, periods=(period,))

    def bipower(r):
        return np.pi / 2 * len(r) / (len(r) - 1) * np.sum(np.abs(r[1:] * r[:-1]))

    total = by_window(period, lambda r: np.sum(r * r), returns)
    smooth = by_window(period, bipower, returns)
    close_to(found[f"realised_variance_{period}"], total)
    close_to(found[f"bipower_variation_{period}"], smooth)
    with np.errstate(invalid="ignore"):
        share = np.maximum(1.0 - smooth / np.where(total > 0, total, np.nan), 0.0)
    close_to(found[f"jump_share_{period}"], share, atol=1e-12)


def test_a_jump_is_seen_as_one():
    random = np.random.default_rng(10)
    returns = random.normal(0.0, 1e-3, 4_000)
    smooth = rows(4_000, 10)
    smooth[:, CLOSE] = 100.0 * np.exp(np.cumsum(returns))
    returns[3_500] += 0.05
    jumped = smooth.copy()
    jumped[:, CLOSE] = 100.0 * np.exp(np.cumsum(returns))
    quiet = made("realised_variance", smooth, periods=(1_000,))
    loud = made("realised_variance", jumped, periods=(1_000,))
    assert quiet["jump_share_1000"][-1] < 0.1
    share = 0.05**2 / (0.05**2 + 1_000 * 1e-6)
    assert loud["jump_share_1000"][-1] == pytest.approx(share, abs=0.06)
    assert loud["bipower_variation_1000"][-1] == pytest.approx(quiet["bipower_variation_1000"][-1], rel=0.15)


def test_the_shape_of_a_bar():
    given = rows(3)
    given[:, [OPEN, HIGH, LOW, CLOSE]] = [[10.0, 12.0, 9.0, 11.0], [10.0, 10.0, 10.0, 10.0], [8.0, 12.0, 8.0, 8.0]]
    found = made("bar_shape", given)
    close_to(found["range_frac"], [3.0 / 11.0, 0.0, 0.5])
    close_to(found["close_location"], [2.0 / 3.0, np.nan, 0.0])
    close_to(found["body_frac"], [0.1, 0.0, 0.0])


def test_every_output_begins_after_its_warm_up():
    given = rows(1_000, 11)
    for name, family in FAMILIES.items():
        for params in ({}, MORE.get(name, {})):
            bank = family(family.params(**params))
            found = columns(bank, given)
            for feature in bank.outputs:
                present = np.isfinite(found[feature.name])
                assert present.argmax() == feature.warm_up, feature.name
                assert present[feature.warm_up :].mean() > 0.98, feature.name


@pytest.mark.parametrize("name", FAMILIES)
def test_pieces_and_single_bars_give_the_bits_of_the_whole(name):
    given = rows(700, 12)
    given[::97, CLOSE] = np.nan
    for params in ({}, MORE.get(name, {})):
        assert broken_laws(FAMILIES[name](FAMILIES[name].params(**params)), given) == []


WINDOWED = ("bollinger", "donchian", "range_volatility", "realised_variance", "rolling_volatility")
RECURSIVE = ("atr", "keltner", "volatility")


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("bad", [np.nan, 1e9])
def test_windows_forget_a_misprint(name, bad):
    """From the bar on that no longer reaches it, each value is that of a series that never saw it."""
    given = rows(400, 13)
    spoilt = given.copy()
    spoilt[150, [OPEN, HIGH, LOW, CLOSE]] = bad
    clean, found = columns(BANKS[name], given), columns(BANKS[name], spoilt)
    for feature in BANKS[name].outputs:
        n = int(feature.name.rpartition("_")[2])
        one, two = clean[feature.name], found[feature.name]
        np.testing.assert_array_equal(one[:150], two[:150])
        if np.isnan(bad):
            assert np.isnan(two[150 : 150 + n]).all(), feature.name
        np.testing.assert_allclose(two[151 + n :], one[151 + n :], rtol=1e-12, atol=1e-15, err_msg=feature.name)


@pytest.mark.parametrize("name", RECURSIVE)
def test_averages_pass_over_what_is_missing(name):
    given = rows(400, 14)
    spoilt = np.insert(given, 200, given[199], axis=0)
    spoilt[200, [OPEN, HIGH, LOW, CLOSE]] = np.nan
    found = columns(BANKS[name], spoilt)
    for feature in BANKS[name].outputs:
        values = found[feature.name]
        # the bar itself has no value; nor has the next one where it takes the close before
        assert np.isnan(values[200]), feature.name
        assert np.isfinite(values[202:]).all(), feature.name
    kept = columns(BANKS["volatility"], spoilt)["volatility_20"]
    returns = pd.Series(spoilt[:, CLOSE]).pct_change(fill_method=None)
    expected = returns.ewm(span=20, ignore_na=True).std().where(returns.notna()).to_numpy(copy=True)
    expected[:20] = np.nan
    close_to(kept, expected, rtol=1e-10)


def test_flat_prices():
    given = rows(200, 15)
    given[:, [OPEN, HIGH, LOW, CLOSE]] = 100.0
    found = {name: value for bank in BANKS.values() for name, value in columns(bank, given).items()}
    undefined = {"bollinger_pct_b_20", "donchian_place_20", "donchian_place_55", "keltner_place_20", "jump_share_20"}
    undefined |= {"close_location"}
    for name, values in found.items():
        if name in undefined:
            assert np.isnan(values).all(), name
        elif not name.startswith(("bollinger", "donchian", "keltner", "vwap")) or name == "bollinger_width_20":
            assert values[-1] == 0.0, name
    assert found["bollinger_upper_20"][-1] == found["keltner_lower_20"][-1] == found["donchian_middle_20"][-1] == 100.0


def test_long_series_do_not_drift():
    """300,000 bars on, each value is that of its window by itself."""
    n = 300_000
    given = rows(n, 16)
    tail = given[-400:]
    for name in WINDOWED:
        long, short = columns(BANKS[name], given), columns(BANKS[name], tail)
        for column, values in long.items():
            np.testing.assert_allclose(values[-300:], short[column][-300:], rtol=1e-12, atol=1e-17, err_msg=column)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("atr", {"periods": (0,)}),
        ("atr", {"periods": (14, 14)}),
        ("atr", {"periods": ()}),
        ("bollinger", {"periods": (1,)}),
        ("bollinger", {"width": 0.0}),
        ("donchian", {"periods": (-5,)}),
        ("keltner", {"period": 1}),
        ("range_volatility", {"periods": (1,)}),
        ("realised_variance", {"periods": (1,)}),
        ("rolling_volatility", {"periods": (20, 20)}),
        ("volatility", {"spans": (1,)}),
    ],
)
def test_impossible_parameters_are_refused(name, params):
    with pytest.raises(ValidationError):
        FAMILIES[name].params(**params)
