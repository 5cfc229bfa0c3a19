"""Windowed trend features forget what has left the window, and do not drift."""

import math

import numpy as np
import pytest
from feature_rows import columns, rows
from given_rows import streams

from tsis.core.stream import CLOSE, HIGH, LOW, OPEN
from tsis.features.engine import Engine
from tsis.features.families import families

FAMILIES = families()
# after so many bars nothing of a bar is left
MEMORY = {
    **{f"sma_{n}": n for n in (10, 20, 50, 200)},
    **{f"linreg_{kind}_{n}": n for kind in ("slope", "t") for n in (20, 50, 100)},
    **{f"roc_{n}": n + 1 for n in (10, 50)},
    **{f"log_return_{n}": n + 1 for n in (1, 5, 20)},
    "momentum_10": 11,
    "cci_20": 20,
    "stochastic_14_fast_k": 14,
    "williams_r_14": 14,
    "stochastic_14_3_slow_k": 16,
    "stochastic_14_3_3_slow_d": 18,
    "aroon_25_up": 26,
    "aroon_25_down": 26,
    "aroon_25_oscillator": 26,
    "ichimoku_9_tenkan": 9,
    "ichimoku_26_kijun": 26,
    "ichimoku_9_26_senkou_a": 26,
    "ichimoku_52_senkou_b": 52,
    "ichimoku_26_chikou": 27,
}
WINDOWED = ("sma", "linear_regression", "roc", "returns", "momentum", "cci", "stochastic", "aroon", "ichimoku")
LONG = 10_000_000


def engine_of(*names):
    return Engine([FAMILIES[name](FAMILIES[name].params()) for name in names])


@pytest.mark.parametrize("at", [0, 255, 500, 511, 613])
@pytest.mark.parametrize("bad", [1e9, 1e-9, np.nan])
def test_a_misprint_is_forgotten_with_the_last_window_that_holds_it(bad, at):
    engine, given = engine_of(*WINDOWED), rows(1_000, 21)
    assert set(engine.names) == set(MEMORY)
    spoilt = given.copy()
    spoilt[at, [OPEN, HIGH, LOW, CLOSE]] = bad
    without, found = columns(engine, given), columns(engine, spoilt)
    for name, memory in MEMORY.items():
        np.testing.assert_array_equal(found[name][:at], without[name][:at], err_msg=name)
        np.testing.assert_array_equal(found[name][at + memory :], without[name][at + memory :], err_msg=name)
    assert found["sma_200"][at + 199] != without["sma_200"][at + 199]


def test_a_window_with_a_missing_bar_is_missing():
    engine, given = engine_of(*WINDOWED), rows(600, 22)
    given[300, [OPEN, HIGH, LOW, CLOSE]] = np.nan
    found = columns(engine, given)
    compared = [name for name in MEMORY if name.startswith(("roc", "log_return", "momentum", "ichimoku_26_chikou"))]
    for name in set(MEMORY) - set(compared):
        assert np.flatnonzero(np.isnan(found[name][250:])).tolist() == list(range(50, 50 + MEMORY[name])), name
    for name in compared:
        assert np.flatnonzero(np.isnan(found[name][250:])).tolist() == [50, 49 + MEMORY[name]], name


def test_the_index_in_the_window_of_stoch_rsi():
    engine, given = engine_of("stoch_rsi"), rows(600, 22)
    given[300, CLOSE] = np.nan
    found = columns(engine, given)
    assert np.flatnonzero(np.isnan(found["stoch_rsi_14_14_k"][250:])).tolist() == list(range(50, 64))
    assert np.flatnonzero(np.isnan(found["stoch_rsi_14_14_3_d"][250:])).tolist() == list(range(50, 66))


def walk(n, piece, seed):
    """Yield `n` bars piece by piece: ticks of 0.01 from 100 to some hundreds, and a misprint now and then."""
    last = 20_000.0
    for number in range(n // piece):
        random = np.random.default_rng([seed, number])
        ticks = last + np.cumsum(np.round(random.normal(0.0, 6.0, piece)))
        ticks = np.abs(ticks - 10_000.0) + 10_000.0
        last = ticks[-1]
        close = 0.01 * ticks
        close[random.integers(0, piece, 2)] = 1e9
        given = np.full((piece, 25), np.nan)
        given[:, CLOSE], given[:, OPEN] = close, close
        given[:, HIGH], given[:, LOW] = close + 0.03, close - 0.02
        yield given


def exact(name, window):
    """Return a figure of the closes of a window alone, its sums exact."""
    n = len(window)
    mean = math.fsum(window) / n
    if name.startswith("sma"):
        return mean
    if name.startswith("efficiency_ratio"):
        return abs(window[-1] - window[0]) / math.fsum(np.abs(np.diff(window)))
    if name.startswith("cci"):
        price = ((window + 0.03) + (window - 0.02) + window) / 3
        mean = math.fsum(price) / n
        return (price[-1] - mean) / (0.015 * math.fsum(np.abs(price - mean)) / n)
    if name.startswith("ema"):
        weights = 2 / 201 * (1 - 2 / 201) ** np.arange(n)[::-1]
        return math.fsum(weights * window) / math.fsum(weights)
    place = np.arange(n) - (n - 1) / 2
    slope = math.fsum(place * (window - mean)) / math.fsum(place**2)
    if name.startswith("linreg_slope"):
        return slope
    beside = math.fsum((window - mean - slope * place) ** 2)
    return slope / math.sqrt(beside / (n - 2) / math.fsum(place**2))


def largest_error(n, piece, seed):
    """Return the largest relative distance from exact figures, at 40 random bars of every tenth piece, by name."""
    engine = engine_of("sma", "linear_regression", "cci", "kama", "ema")
    lengths = {"sma_20": 20, "sma_200": 200, "linreg_slope_100": 100, "linreg_t_20": 20, "linreg_t_100": 100}
    lengths |= {"cci_20": 20, "efficiency_ratio_10": 11, "ema_200": 5_000}
    places = {name: engine.names.index(name) for name in lengths}
    largest = dict.fromkeys(lengths, 0.0)
    session = engine.live(engine.start())
    for number, given in enumerate(walk(n, piece, seed)):
        out, close = session.step(streams(given)), given[:, CLOSE]
        if number % 10 != 9:
            continue
        for row in np.random.default_rng([seed, number, 1]).integers(5_000, piece, 40).tolist():
            for name, length in lengths.items():
                window = close[row - length + 1 : row + 1]
                if name == "ema_200" and window.max() > 1e6:
                    continue  # it never quite forgets
                expected = exact(name, window)
                # what a difference of prices loses where it comes near zero
                scale = max(abs(expected), {"linreg_slope_100": 1e-2, "cci_20": 10.0}.get(name, 1.0))
                largest[name] = max(largest[name], abs(out[row, places[name]] - expected) / scale)
    return largest


def test_figures_are_those_of_exact_sums():
    assert max(largest_error(400_000, 20_000, 31).values()) < 1e-11


@pytest.mark.long
def test_there_is_no_drift_over_ten_million_bars():
    largest = largest_error(LONG, 100_000, 32)
    assert max(largest.values()) < 1e-11, largest
