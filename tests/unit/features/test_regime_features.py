"""The market regime against TA-Lib's ADX and EMAs and a plain reading of its rules."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import talib
from gap_rows import PLACE, chunked, columns, rows
from given_rows import streams
from pydantic import ValidationError

from tsis.features.engine import Engine
from tsis.features.regime.market_regime import MarketRegimeParams, market_regime

N = 2_500


def engine(**params):
    return Engine([market_regime(MarketRegimeParams(**params))])


def path(n, seed):
    """Return bars with trends of both directions and ranges between them."""
    given = rows(n, seed)
    random = np.random.default_rng(seed)
    drift = np.repeat(random.choice([-6e-4, 0.0, 0.0, 6e-4], n // 250 + 1), 250)[:n]
    close = 100 * np.exp(np.cumsum(drift + random.normal(0, 1e-3, n)))
    opened = np.concatenate([[100.0], close[:-1]])
    given[:, PLACE["open"]], given[:, PLACE["close"]] = opened, close
    given[:, PLACE["high"]] = np.maximum(opened, close) * (1 + 5e-4 * random.random(n))
    given[:, PLACE["low"]] = np.minimum(opened, close) * (1 - 5e-4 * random.random(n))
    return given


def plain_regimes(given, params):
    """Return code and strength a row, NaN where undefined."""
    high, low, close = (np.ascontiguousarray(given[:, PLACE[name]]) for name in ("high", "low", "close"))
    adx = talib.ADX(high, low, close, params.adx_period)
    emas = [talib.EMA(close, period) for period in params.ema_periods]
    code, strength, regime = np.full(len(close), np.nan), np.full(len(close), np.nan), None
    for i in range(len(close)):
        if any(math.isnan(line[i]) for line in [adx, *emas]):
            continue
        values = [line[i] for line in emas]
        is_up = values == sorted(values, reverse=True) and len(set(values)) == 4
        is_down = values == sorted(values) and len(set(values)) == 4
        lasts = {"up": is_up, "down": is_down}.get(regime, False) and adx[i] >= params.range_adx
        if lasts:
            pass
        elif is_up and adx[i] >= params.trend_adx:
            regime = "up"
        elif is_down and adx[i] >= params.trend_adx:
            regime = "down"
        elif adx[i] < params.range_adx or (regime == "range" and adx[i] < params.trend_adx):
            regime = "range"
        else:
            regime = None
        if regime:
            code[i] = {"up": 1, "down": -1, "range": 0}[regime]
            strength[i] = 1 - adx[i] / params.trend_adx if regime == "range" else min(adx[i] / 50, 1)
    return code, strength


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("params", [{}, {"adx_period": 7, "ema_periods": (3, 8, 20, 60), "trend_adx": 40.0}])
def test_the_regime_is_what_ta_libs_lines_say(seed, params):
    given = path(N, seed)
    found = columns(engine(**params), given)
    code, strength = plain_regimes(given, MarketRegimeParams(**params))
    np.testing.assert_array_equal(found["trend_regime"], code)
    np.testing.assert_allclose(found["regime_strength"], strength, rtol=1e-9, atol=1e-12)
    assert set(np.unique(code[~np.isnan(code)])) == {-1.0, 0.0, 1.0}
    assert np.isnan(code[300:]).any()
    known = found["regime_strength"][~np.isnan(found["regime_strength"])]
    assert ((known >= 0) & (known <= 1)).all()


def test_bars_of_a_regime_are_counted_from_one():
    found = columns(engine(), path(N, 1))
    series = pd.Series(found["trend_regime"])
    # NaN is a regime of its own here
    key = series.fillna(9.0)
    counted = series.groupby((key != key.shift()).cumsum()).cumcount() + 1.0
    np.testing.assert_array_equal(found["regime_bars"], counted.where(series.notna()).to_numpy())


@pytest.mark.parametrize("bad", [False, True])
def test_the_volatility_regime_is_a_rank_among_its_past(bad):
    given = path(N, 4)
    if bad:
        given[900, PLACE["close"]] = np.nan
        given[1_500, PLACE["high"]] = given[1_500, PLACE["close"]] = 1e9
    params = {"volatility_bars": 10, "rank_bars": 50, "low_rank": 0.3, "high_rank": 0.6}
    found = columns(engine(**params), given)
    close = pd.Series(given[:, PLACE["close"]])
    returns = np.log(close / close.shift())
    volatility = np.array([returns[max(i - 9, 0) : i + 1].std() if i > 9 else np.nan for i in range(N)])
    volatility[[returns[max(i - 9, 0) : i + 1].isna().any() for i in range(N)]] = np.nan
    expected = np.full(N, np.nan)
    for i in range(49, N):
        past = volatility[i - 49 : i + 1]
        if not np.isnan(past).any() and not math.isnan(close[i]):
            expected[i] = ((past[:-1] < past[-1]).sum() + 0.5 * (past[:-1] == past[-1]).sum()) / 49
    np.testing.assert_allclose(found["volatility_rank"], expected, rtol=1e-12)
    code = np.where(expected < 0.3, -1.0, np.where(expected > 0.6, 1.0, 0.0))
    np.testing.assert_array_equal(found["volatility_regime"], np.where(np.isnan(expected), np.nan, code))
    assert (~np.isnan(expected)).sum() > 2_000


def test_prices_that_do_not_move_are_a_range_of_normal_volatility():
    given = rows(400, 5)
    given[:, PLACE["open"] : PLACE["close"] + 1] = 50.0
    found = columns(engine(), given)
    assert (found["trend_regime"][199:] == 0.0).all()
    assert (found["regime_strength"][199:] == 1.0).all()
    assert (found["volatility_rank"][271:] == 0.5).all()
    assert (found["volatility_regime"][271:] == 0.0).all()


def test_a_row_without_prices_is_passed_over():
    given = path(900, 6)
    whole = columns(engine(), given)
    holed = np.insert(given, 400, given[400], axis=0)
    holed[400, PLACE["open"] : PLACE["close"] + 1] = np.nan
    found = columns(engine(), holed)
    for name in ("trend_regime", "regime_strength", "regime_bars"):
        assert np.isnan(found[name][400])
        np.testing.assert_array_equal(np.delete(found[name], 400), whole[name])


def test_the_declared_warm_up_is_the_first_row_with_a_value():
    given = rows(400, 7)
    given[:, PLACE["open"] : PLACE["close"] + 1] = 50.0
    for params in ({}, {"adx_period": 150}):
        bank = market_regime(MarketRegimeParams(**params))
        found = columns(Engine([bank]), given)
        for output in bank.outputs:
            assert np.flatnonzero(~np.isnan(found[output.name]))[0] == output.warm_up, output.name


@pytest.mark.parametrize("seed", [8, 9])
def test_in_pieces_row_by_row_and_with_another_future_it_is_the_same(seed):
    given, other = path(900, seed), path(900, seed + 10)
    given[300, PLACE["close"]] = np.nan
    running = engine(rank_bars=60, ema_periods=(5, 10, 20, 60))
    whole, _ = running.fold(streams(given), running.start())
    cuts = np.sort(np.random.default_rng(seed).integers(0, 900, 6)).tolist()
    assert chunked(running, given, cuts).tobytes() == whole.tobytes()
    assert chunked(running, given, list(range(1, 900))).tobytes() == whole.tobytes()
    for cut in (100, 305, 700):
        found, _ = running.fold(streams(np.vstack([given[:cut], other[cut:]])), running.start())
        assert found[:cut].tobytes() == whole[:cut].tobytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ema_periods": (5, 20, 20, 200)}, "must be positive and rise"),
        ({"ema_periods": (0, 20, 50, 200)}, "must be positive and rise"),
        ({"range_adx": 30.0}, "range_adx must not be above"),
        ({"low_rank": 0.8}, "nor low_rank above"),
        ({"adx_period": 1}, "adx_period"),
    ],
)
def test_parameters_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        MarketRegimeParams(**given)
