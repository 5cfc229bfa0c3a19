"""Trend and momentum against TA-Lib, bar by bar, and against plain formulas where it has none."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib
from feature_rows import columns, rows
from given_rows import streams
from pydantic import ValidationError
from scipy.stats import linregress

from tsis.core.stream import CLOSE, HIGH, LOW, N_GIVEN, OPEN
from tsis.features.engine import Engine
from tsis.features.families import families

SAMPLE = Path(__file__).parents[3] / "data/sample"
TREND = {name: family for name, family in families().items() if ".trend." in family.module}
BANKS = {name: family(family.params()) for name, family in TREND.items()}
ENGINE = Engine(list(BANKS.values()))
OUTPUTS = [output for bank in BANKS.values() for output in bank.outputs]
PASSED_OVER = ("adx", "dema", "ema", "ema_distance", "kama", "macd", "psar", "rsi", "tema", "trix")
RANGES = ("stochastic_14_fast_k", "williams_r_14", "stochastic_14_3_slow_k", "stochastic_14_3_3_slow_d")


def prices(given):
    return tuple(np.ascontiguousarray(given[:, place]) for place in (HIGH, LOW, CLOSE))


def of_ta_lib(high, low, close):
    """Return what TA-Lib makes of the bars, by the names of ours."""
    bars = (high, low, close)
    found = {f"sma_{n}": talib.SMA(close, n) for n in (10, 20, 50, 200)}
    found |= {f"ema_{n}": talib.EMA(close, n) for n in (5, 9, 20, 50, 200)}
    found |= {f"ema_distance_{n}": close / talib.EMA(close, n) - 1 for n in (10, 20, 50, 100)}
    found |= {f"linreg_slope_{n}": talib.LINEARREG_SLOPE(close, n) for n in (20, 50, 100)}
    found |= {f"roc_{n}": talib.ROC(close, n) for n in (10, 50)}
    found |= {"dema_20": talib.DEMA(close, 20), "tema_20": talib.TEMA(close, 20), "trix_15": talib.TRIX(close, 15)}
    found |= {"kama_10": talib.KAMA(close, 10), "momentum_10": talib.MOM(close, 10), "rsi_14": talib.RSI(close, 14)}
    found |= zipped(("macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist"), talib.MACD(close, 12, 26, 9))
    found |= {"cci_20": talib.CCI(*bars, 20), "williams_r_14": talib.WILLR(*bars, 14), "psar": talib.SAR(high, low)}
    found |= {"stochastic_14_fast_k": talib.STOCHF(*bars, 14, 1)[0]}
    found |= zipped(("stochastic_14_3_slow_k", "stochastic_14_3_3_slow_d"), talib.STOCH(*bars, 14, 3, 0, 3, 0))
    found |= zipped(("stoch_rsi_14_14_k", "stoch_rsi_14_14_3_d"), talib.STOCHRSI(close, 14, 14, 3, 0))
    found |= {"plus_di_14": talib.PLUS_DI(*bars, 14), "minus_di_14": talib.MINUS_DI(*bars, 14)}
    found |= {"dx_14": talib.DX(*bars, 14), "adx_14": talib.ADX(*bars, 14), "adxr_14": talib.ADXR(*bars, 14)}
    found |= zipped(("aroon_25_down", "aroon_25_up"), talib.AROON(high, low, 25))
    return found | {"aroon_25_oscillator": talib.AROONOSC(high, low, 25)}


def zipped(names, values):
    return dict(zip(names, values, strict=True))


def assert_equal_to_ta_lib(given, names=None):
    """Hold every value of both against each other: to 1e-9, and to what rounding makes of zero."""
    high, low, close = prices(given)
    ours, theirs = columns(ENGINE, given), of_ta_lib(high, low, close)
    units = {output.name: output.unit for output in OUTPUTS}
    for name in names or theirs:
        # a price carries 1e-16 of itself, which differences keep, and CCI divides by the spread
        level = {"quote": np.abs(close).max(), "frac": 1.0, "ratio": 1e4}.get(units[name], 100.0)
        known = ~np.isnan(theirs[name])
        assert known.any(), name
        np.testing.assert_allclose(ours[name][known], theirs[name][known], rtol=1e-9, atol=1e-12 * level, err_msg=name)


@pytest.mark.parametrize(("seed", "tick"), [(1, 0.01), (2, 0.25), (3, 1e-5)])
def test_random_bars_are_those_of_ta_lib(seed, tick):
    assert_equal_to_ta_lib(rows(4_000, seed, tick))


def bundled(name):
    frame = pl.read_parquet(SAMPLE / f"{name.partition(' ')[0]}.parquet")
    if " " in name:
        frame = frame.filter(pl.col("ticker") == name.partition(" ")[2])
    given = np.full((frame.height, N_GIVEN), np.nan)
    for place, column in ((OPEN, "open"), (HIGH, "high"), (LOW, "low"), (CLOSE, "close")):
        given[:, place] = frame[column].to_numpy()
    return given


@pytest.mark.parametrize("name", ["us_daily AAPL", "us_daily IBM", "eurusd_1h", "es_dollar_bars"])
def test_the_bundled_bars_are_those_of_ta_lib(name):
    assert_equal_to_ta_lib(bundled(name))


# where nothing moves


def still_rows(tick=0.25):
    """Return bars with a stretch that does not move at all, one with no range, and one straight up."""
    given = rows(1_500, 5, tick)
    given[300:360, [OPEN, HIGH, LOW, CLOSE]] = given[299, CLOSE]
    given[600:700, [OPEN, HIGH, LOW]] = given[600:700, [CLOSE]]
    given[900:1_020, [OPEN, HIGH, LOW, CLOSE]] = (given[899, CLOSE] + tick * np.arange(120))[:, None]
    return given


def test_where_nothing_moves_ta_lib_has_the_same_or_ours_is_missing():
    given = still_rows()
    high, low, close = prices(given)
    ours, theirs = columns(ENGINE, given), of_ta_lib(high, low, close)
    is_missing = {name: np.isnan(ours[name]) & ~np.isnan(theirs[name]) for name in theirs}
    flat = pd.Series(high).rolling(14).max().eq(pd.Series(low).rolling(14).min())
    typical = pd.Series((high + low + close) / 3)
    rsi = pd.Series(ours["rsi_14"])
    still_rsi = rsi.rolling(14).max() - rsi.rolling(14).min() < 1e-9
    expected = {
        "stochastic_14_fast_k": flat,
        "williams_r_14": flat,
        "stochastic_14_3_slow_k": flat.rolling(3).max().eq(1),
        "stochastic_14_3_3_slow_d": flat.rolling(5).max().eq(1),
        "cci_20": typical.rolling(20).max().eq(typical.rolling(20).min()),
        "stoch_rsi_14_14_k": still_rsi,
        "stoch_rsi_14_14_3_d": still_rsi.rolling(3).max().eq(1),
    }
    for name, missing in is_missing.items():
        np.testing.assert_array_equal(missing, expected.get(name, pd.Series(False, range(len(given)))), err_msg=name)
    assert all(is_missing[name].sum() > 40 for name in expected)
    assert (theirs["williams_r_14"][is_missing["williams_r_14"]] == 0.0).all()
    replaced = {name: np.where(is_missing[name], theirs[name], ours[name]) for name in theirs}
    for name, values in theirs.items():
        level = 1.0 if name == "cci_20" else 0.01
        np.testing.assert_allclose(
            replaced[name], np.where(np.isnan(values), replaced[name], values), 1e-9, 1e-8 * level
        )


def test_a_series_that_never_moves():
    given = rows(300, 6)
    given[:, [OPEN, HIGH, LOW, CLOSE]] = 100.1
    found = columns(ENGINE, given)
    zero = ("momentum_10", "roc_10", "macd_12_26_9", "trix_15", "linreg_slope_20", "log_return_5", "ema_distance_50")
    missing = ("rsi_14", "plus_di_14", "dx_14", "cci_20", "linreg_t_50", "efficiency_ratio_10", "stoch_rsi_14_14_k")
    for name in zero:
        np.testing.assert_allclose(found[name][60:], 0.0, atol=1e-12, err_msg=name)
    for name in (*missing, *RANGES):
        assert np.isnan(found[name]).all(), name
    for name in ("sma_200", "ema_200", "dema_20", "kama_10", "psar", "ichimoku_52_senkou_b"):
        np.testing.assert_allclose(found[name][200:], 100.1, rtol=1e-12, err_msg=name)


def test_rsi_keeps_its_value_while_nothing_moves():
    given = rows(1_000, 7)
    given[100:900, [OPEN, HIGH, LOW, CLOSE]] = given[99, CLOSE]
    found = columns(ENGINE, given)["rsi_14"]
    np.testing.assert_allclose(found[100:900], found[99], rtol=1e-9)
    np.testing.assert_allclose(found[14:], talib.RSI(given[:, CLOSE].copy(), 14)[14:], rtol=1e-9)


# what TA-Lib does not have


def test_the_rest_is_that_of_plain_formulas():
    given = rows(1_200, 8)
    found = columns(ENGINE, given)
    high, low, close = (pd.Series(column) for column in prices(given))

    def middle(n):
        return (high.rolling(n).max() + low.rolling(n).min()) / 2

    moves = close.diff().abs().rolling(10).sum()
    expected = {
        "ichimoku_9_tenkan": middle(9),
        "ichimoku_26_kijun": middle(26),
        "ichimoku_9_26_senkou_a": (middle(9) + middle(26)) / 2,
        "ichimoku_52_senkou_b": middle(52),
        "ichimoku_26_chikou": close / close.shift(26) - 1,
        "efficiency_ratio_10": (close.diff(10).abs() / moves).where(moves > 1e-9),
    } | {f"log_return_{lag}": np.log(close).diff(lag) for lag in (1, 5, 20)}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-12, err_msg=name)
    for n in (20, 50, 100):
        for i in range(n - 1, 1_200, 37):
            line = linregress(np.arange(n), close[i - n + 1 : i + 1])
            assert found[f"linreg_slope_{n}"][i] == pytest.approx(line.slope, rel=1e-9, abs=1e-13)
            assert found[f"linreg_t_{n}"][i] == pytest.approx(line.slope / line.stderr, rel=1e-9, abs=1e-9)


def test_the_side_of_the_stop():
    given = rows(1_200, 9)
    found, (high, low, _) = columns(ENGINE, given), prices(given)
    side, stop = found["psar_side"][1:], found["psar"][1:]
    assert set(side.tolist()) == {-1.0, 1.0}
    assert (stop[side > 0] <= low[1:][side > 0]).all()
    assert (stop[side < 0] >= high[1:][side < 0]).all()


def test_lines_of_closes_that_lie_on_one():
    given = rows(300, 10)
    given[:, CLOSE] = 50.0 + 0.1 * np.arange(300)
    found = columns(ENGINE, given)
    for n in (20, 50, 100):
        np.testing.assert_allclose(found[f"linreg_slope_{n}"][n - 1 :], 0.1, rtol=1e-9)
        assert np.isnan(found[f"linreg_t_{n}"]).all()


def test_rsi_of_the_series_that_ta_lib_tests_with():
    closes = [91.5, 94.815, 94.375, 95.095, 93.78, 94.625, 92.53, 92.75, 90.315]
    closes += [92.47, 96.125, 97.25, 98.5, 89.875, 91.0, 92.815, 89.155]
    given = np.full((len(closes), N_GIVEN), np.nan)
    given[:, CLOSE] = closes
    found = columns(ENGINE, given)["rsi_14"]
    assert np.isnan(found[:14]).all()
    np.testing.assert_allclose(found[14:], [49.14734, 52.32555, 46.07240], atol=5e-6)


# warm-up, missing bars, parameters


def test_every_output_begins_after_its_warm_up():
    found = columns(ENGINE, rows(500, 11))
    assert len(OUTPUTS) >= 45
    for output in OUTPUTS:
        known = ~np.isnan(found[output.name])
        assert known.argmax() == output.warm_up, output.name
        if not output.name.startswith("stoch_rsi"):
            assert known[output.warm_up :].all(), output.name


def test_other_periods_are_those_of_ta_lib():
    given = rows(800, 12)
    high, low, close = prices(given)
    chosen = {
        "ema": {"periods": (3, 30)},
        "sma": {"periods": (2, 7)},
        "rsi": {"periods": (2, 30)},
        "kama": {"periods": (5, 30), "fast": 2, "slow": 30},
        "adx": {"period": 7},
        "aroon": {"period": 10},
        "macd": {"fast": 5, "slow": 35, "signal": 5},
        "stochastic": {"window": 5, "slow": 1, "smooth": 7},
        "psar": {"acceleration": 0.05, "maximum": 0.3},
        "cci": {"periods": (5, 14)},
    }
    found = columns(Engine([TREND[name](TREND[name].params(**values)) for name, values in chosen.items()]), given)
    expected = {f"ema_{n}": talib.EMA(close, n) for n in (3, 30)} | {f"sma_{n}": talib.SMA(close, n) for n in (2, 7)}
    expected |= {f"rsi_{n}": talib.RSI(close, n) for n in (2, 30)} | {
        f"kama_{n}": talib.KAMA(close, n) for n in (5, 30)
    }
    expected |= {"adxr_7": talib.ADXR(high, low, close, 7), "aroon_10_oscillator": talib.AROONOSC(high, low, 10)}
    expected |= {"macd_5_35_5_hist": talib.MACD(close, 5, 35, 5)[2], "psar": talib.SAR(high, low, 0.05, 0.3)}
    expected |= {"stochastic_5_1_7_slow_d": talib.STOCH(high, low, close, 5, 1, 0, 7, 0)[1]}
    expected |= {f"cci_{n}": talib.CCI(high, low, close, n) for n in (14,)}
    for name, values in expected.items():
        known = ~np.isnan(values) & ~np.isnan(found[name])
        assert known.sum() > 700, name
        np.testing.assert_allclose(found[name][known], values[known], rtol=1e-9, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("name", PASSED_OVER)
def test_a_bar_with_a_missing_price_is_passed_over(name):
    bank, given = BANKS[name], rows(400, 13)
    engine = Engine([bank])
    without, _ = engine.fold(streams(given), engine.start())
    holes = np.sort(np.random.default_rng(13).choice(400, 30, replace=False))
    with_holes = np.insert(given, holes, given[holes], axis=0)
    is_hole = np.insert(np.zeros(400, dtype=bool), holes, values=True)
    with_holes[np.ix_(is_hole, bank.inputs)] = np.nan
    found, _ = engine.fold(streams(with_holes), engine.start())
    assert np.isnan(found[is_hole]).all()
    np.testing.assert_array_equal(found[~is_hole], without)


def test_values_do_not_depend_on_the_unit_of_the_price():
    given = rows(600, 14, 0.25)
    scaled = given.copy()
    scaled[:, [OPEN, HIGH, LOW, CLOSE]] *= 2.0**-20
    one, other = columns(ENGINE, given), columns(ENGINE, scaled)
    for output in OUTPUTS:
        factor = 2.0**-20 if output.unit == "quote" else 1.0
        np.testing.assert_array_equal(other[output.name], factor * one[output.name], err_msg=output.name)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("ema", {"periods": (5, 9, 5)}, "5: given twice"),
        ("sma", {"periods": (1,)}, "greater than or equal to 2"),
        ("roc", {"lags": ()}, "at least 1 item"),
        ("linear_regression", {"periods": (20, 2)}, "3 bars or more"),
        ("macd", {"fast": 26, "slow": 12}, "fast .26. must be less than slow .12."),
        ("ichimoku", {"tenkan": 30}, "must ascend"),
        ("psar", {"acceleration": 0.3}, "must be acceleration"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(name, values, message):
    with pytest.raises(ValidationError, match=message):
        TREND[name].params(**values)
