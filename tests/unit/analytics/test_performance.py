"""Metrics against plain formulas written anew with pandas and numpy, and their undefined cases."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.analytics.activity import capacity, exposure_frac, turnover_annual
from tsis.analytics.curve_stats import curve_stats
from tsis.analytics.drawdown import longest_under_water, max_drawdown_frac, under_water_frac, wealth
from tsis.analytics.moments import moments
from tsis.analytics.performance import (
    annual_return_frac,
    calmar,
    sharpe_annual,
    sortino_annual,
    volatility_annual_frac,
)
from tsis.analytics.tail_risk import conditional_value_at_risk_frac, value_at_risk_frac
from tsis.analytics.trade_results import (
    expectancy,
    longest_losing_streak,
    payoff_ratio,
    profit_factor,
    win_rate_frac,
)
from tsis.core.errors import DataError, ParamsError

SAMPLE = np.random.default_rng(5).normal(5e-4, 0.01, 750)
SERIES = pd.Series(SAMPLE)


def test_ratios_against_pandas():
    given = SAMPLE.tolist()
    annual = (1 + SERIES).prod() ** (252 / 750) - 1
    curve = (1 + SERIES).cumprod()
    falls = curve / np.maximum(curve.cummax(), 1.0) - 1
    below = SERIES.clip(upper=0.0)
    assert annual_return_frac(given, 252) == pytest.approx(annual)
    assert volatility_annual_frac(given, 252) == pytest.approx(SERIES.std() * 252**0.5)
    assert sharpe_annual(given, 252) == pytest.approx(SERIES.mean() / SERIES.std() * 252**0.5)
    assert sortino_annual(given, 252) == pytest.approx(SERIES.mean() / (below**2).mean() ** 0.5 * 252**0.5)
    assert calmar(given, 252) == pytest.approx(annual / -falls.min())
    target = (SERIES - 1e-3).clip(upper=0.0)
    expected = (SERIES - 1e-3).mean() / (target**2).mean() ** 0.5 * 252**0.5
    assert sortino_annual(given, 252, target=1e-3) == pytest.approx(expected)


def test_time_under_water_against_pandas():
    equity = wealth(SAMPLE)
    below = pd.Series(equity) < pd.Series(equity).cummax()
    runs = below.groupby((~below).cumsum()).sum()
    assert longest_under_water(equity) == runs.max()
    assert under_water_frac(equity) == pytest.approx(below[1:].mean())
    assert longest_under_water(np.array([1.0, 2.0, 1.5, 1.9, 2.0, 1.0])) == 2
    assert under_water_frac(np.array([1.0])) is None


def test_tail_risk_against_pandas():
    given = SAMPLE.tolist()
    at_risk = -SERIES.quantile(0.05)
    assert value_at_risk_frac(given) == pytest.approx(at_risk)
    assert conditional_value_at_risk_frac(given) == pytest.approx(-SERIES[-at_risk >= SERIES].mean())
    assert value_at_risk_frac(given, 0.99) == pytest.approx(-SERIES.quantile(0.01))
    assert conditional_value_at_risk_frac([-0.1, 0.2, 0.3]) == pytest.approx(0.1)
    assert value_at_risk_frac([]) is conditional_value_at_risk_frac([]) is None
    with pytest.raises(ParamsError, match="confidence = 1"):
        value_at_risk_frac(given, 1.0)


def test_trade_results_by_hand():
    results = [30.0, -10.0, 20.0, -5.0, -15.0, 0.0, 40.0]
    assert win_rate_frac(results) == pytest.approx(3 / 7)
    assert expectancy(results) == pytest.approx(60 / 7)
    assert profit_factor(results) == pytest.approx(90 / 30)
    assert payoff_ratio(results) == pytest.approx(30 / 10)
    assert longest_losing_streak(results) == 3
    assert win_rate_frac([]) is expectancy([]) is profit_factor([]) is payoff_ratio([]) is None
    assert profit_factor([1.0]) is payoff_ratio([1.0]) is payoff_ratio([-1.0]) is None
    assert profit_factor([-1.0]) == 0.0
    assert longest_losing_streak([]) == 0


def test_activity_by_hand():
    assert turnover_annual([100.0, 300.0], [900.0, 1_100.0], 250) == pytest.approx(400 * 125 / 1_000)
    assert turnover_annual([], [], 250) is turnover_annual([1.0], [0.0], 250) is None
    assert (exposure_frac(3, 12), exposure_frac(0, 0)) == (0.25, None)
    # every fill takes 0.1 % of its bar: 10 times the equity takes 1 %
    assert capacity([10.0, 20.0], [10_000.0, 20_000.0], 5_000.0) == pytest.approx(50_000)
    assert capacity([], [], 5_000.0) is capacity([1.0], [0.0], 5_000.0) is None
    with pytest.raises(DataError, match="2 fills and 1 bars"):
        capacity([1.0, 2.0], [1.0], 1.0)
    with pytest.raises(ParamsError, match="most_volume_frac"):
        capacity([1.0], [1.0], 1.0, 0.0)
    with pytest.raises(DataError, match="1 periods with trades"):
        turnover_annual([1.0], [], 250)


@pytest.mark.parametrize(
    ("returns", "undefined"),
    [
        ([], {annual_return_frac, volatility_annual_frac, sharpe_annual, sortino_annual, calmar}),
        ([0.1], {volatility_annual_frac, sharpe_annual, sortino_annual, calmar}),
        ([0.1, 0.1], {sharpe_annual, sortino_annual, calmar}),
        ([0.1, 0.2], {sortino_annual, calmar}),
        ([0.1, -1.0], {annual_return_frac, calmar}),
        ([0.5] * 3, {sharpe_annual, sortino_annual, calmar}),
    ],
)
def test_what_is_undefined_is_none(returns, undefined):
    metrics = {annual_return_frac, volatility_annual_frac, sharpe_annual, sortino_annual, calmar}
    assert {metric for metric in metrics if metric(returns, 252) is None} == undefined


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.just(0.0), st.floats(-0.2, 0.2)), min_size=2, max_size=60))
def test_one_pass_over_a_curve_gives_the_same_figures(returns):
    equity = 1_000.0 * wealth(returns)[1:]
    exact = np.diff(equity, prepend=1_000.0) / np.concatenate(([1_000.0], equity[:-1]))
    curve, found = np.concatenate(([1_000.0], equity)), curve_stats(equity, 1_000.0, 252)
    expected = {
        "n_periods": len(returns),
        "max_drawdown_frac": max_drawdown_frac(curve),
        "longest_under_water": longest_under_water(curve),
        "under_water_frac": under_water_frac(curve),
        "total_return_frac": equity[-1] / 1_000 - 1,
        "annual_return_frac": annual_return_frac(exact.tolist(), 252),
    }
    if moments(exact.tolist()).sharpe is not None and np.std(exact) > 1e-6:
        expected |= {
            "volatility_annual_frac": volatility_annual_frac(exact.tolist(), 252),
            "sharpe": moments(exact.tolist()).sharpe,
            "sharpe_annual": sharpe_annual(exact.tolist(), 252),
            "sortino_annual": sortino_annual(exact.tolist(), 252),
            "skew": moments(exact.tolist()).skew,
            "kurtosis": moments(exact.tolist()).kurtosis,
        }
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), name


def test_a_curve_of_nothing_and_a_curve_that_is_none():
    empty = curve_stats(np.empty(0), 1_000.0, 252)
    assert (empty["n_periods"], empty["sharpe"], empty["max_drawdown_frac"]) == (0, None, 0.0)
    ruined = curve_stats(np.array([500.0, -10.0, -10.0]), 1_000.0, 252)
    assert (ruined["max_drawdown_frac"], ruined["annual_return_frac"]) == (1.0, None)
    assert math.isclose(float(ruined["total_return_frac"]), -1.01)
    with pytest.raises(DataError, match="1 of 2 values are not finite"):
        curve_stats(np.array([1.0, np.nan]), 1_000.0, 252)
    with pytest.raises(DataError, match="start_equity = 0"):
        curve_stats(np.array([1.0]), 0.0, 252)
