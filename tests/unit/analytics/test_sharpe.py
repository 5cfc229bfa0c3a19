import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.analytics.sharpe import (
    deflated_sharpe,
    expected_maximum_normal,
    expected_maximum_sharpe,
    min_backtest_length_years,
    min_track_record_length,
    probabilistic_sharpe,
    trial_variance,
)

DIGITS = {"abs": 5e-7}


def test_probabilistic_sharpe_of_a_monthly_record():
    assert probabilistic_sharpe(0.458, 0.0, 24) == pytest.approx(0.981675, **DIGITS)
    assert probabilistic_sharpe(0.458, 0.0, 24, skew=-2.448, kurtosis=10.164) == pytest.approx(0.913361, **DIGITS)
    assert probabilistic_sharpe(0.458, 0.0, 36, skew=-2.448, kurtosis=10.164) == pytest.approx(0.953505, **DIGITS)


@pytest.mark.parametrize(
    ("periods", "skew", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.7310), (52, 0.0, 3.0, 2.8288), (12, 0.0, 3.0, 3.2398), (12, -0.72, 5.78, 4.9913)],
)
def test_minimum_track_record_of_an_annual_two_against_one(periods, skew, kurtosis, years):
    root = math.sqrt(periods)
    length = min_track_record_length(2 / root, 1 / root, 0.95, skew, kurtosis)
    assert length / periods == pytest.approx(years, abs=5e-5)


def test_deflated_sharpe_of_the_paper():
    sharpe, variance = 2.5 / math.sqrt(250), 0.5 / 250
    assert expected_maximum_sharpe(100, variance) == pytest.approx(0.113172, **DIGITS)
    assert deflated_sharpe(sharpe, 1250, 100, variance, -3.0, 10.0) == pytest.approx(0.900397, **DIGITS)
    assert deflated_sharpe(sharpe, 1250, 46, variance, -3.0, 10.0) == pytest.approx(0.950502, **DIGITS)
    assert deflated_sharpe(sharpe, 1250, 88, variance) == pytest.approx(0.950491, **DIGITS)


def test_expected_maximum_and_minimum_backtest_length():
    assert expected_maximum_normal(10) == pytest.approx(1.574598, **DIGITS)
    assert min_backtest_length_years(45) == pytest.approx(4.998, abs=5e-4)
    assert expected_maximum_normal(1) == 0.0


def test_three_trials_use_the_population_variance():
    trials = [3.5, 1.01, 1.02]
    assert probabilistic_sharpe(1.14, 1.0, 250) == pytest.approx(0.957278, **DIGITS)
    assert min_track_record_length(1.14, 1.0) == pytest.approx(228.73498, abs=5e-6)
    assert deflated_sharpe(1.14, 250, 3, trial_variance(trials)) == pytest.approx(0.958366, **DIGITS)
    with_ddof_1 = float(np.var(trials, ddof=1))
    assert deflated_sharpe(1.14, 250, 3, with_ddof_1) == pytest.approx(0.152, abs=5e-4)


@given(st.floats(0.01, 0.5), st.floats(-0.5, 0.0), st.floats(-1, 1), st.floats(2.5, 12))
def test_the_minimum_track_record_is_where_psr_reaches_the_confidence(sharpe, benchmark, skew, kurtosis):
    length = min_track_record_length(sharpe, benchmark, 0.95, skew, kurtosis)
    if length > 2:
        assert probabilistic_sharpe(sharpe, benchmark, length, skew, kurtosis) == pytest.approx(0.95, abs=1e-9)


def test_the_approximated_maximum_is_near_the_simulated_one():
    draws = np.random.default_rng(1).normal(size=(20_000, 50)).max(axis=1)
    assert expected_maximum_normal(50) == pytest.approx(draws.mean(), rel=0.02)


def test_undefined_is_nan():
    assert math.isnan(probabilistic_sharpe(1.0, 0.0, 1))
    assert math.isnan(probabilistic_sharpe(1.0, 0.0, 100, skew=3.0, kurtosis=1.0))
    assert math.isnan(min_track_record_length(0.1, 0.1))
    assert trial_variance([0.3]) == 0.0
    assert deflated_sharpe(0.1, 100, 1, 0.0) == probabilistic_sharpe(0.1, 0.0, 100)
