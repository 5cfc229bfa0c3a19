import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tsis.analytics.strategy_risk import bet_sharpe, failure_probability, needed_bets, needed_precision
from tsis.core.errors import DataError, ParamsError

LOSS, GAIN, BETS = st.floats(-0.2, -0.001), st.floats(0.001, 0.2), st.floats(1, 5000)


def test_published_figures():
    assert bet_sharpe(-0.01, 0.005, 260, 0.7) == pytest.approx(1.172886, abs=5e-7)
    assert needed_precision(-0.01, 0.005, 260, 2.0) == pytest.approx(0.722222, abs=5e-7)
    assert needed_bets(-0.01, 0.01, 0.55, 2.0) == pytest.approx(396, rel=1e-12)


@given(LOSS, GAIN, BETS, st.floats(0.01, 0.99))
def test_the_sharpe_ratio_is_that_of_the_two_outcomes(loss, gain, n_bets, precision):
    mean = precision * gain + (1 - precision) * loss
    variance = precision * (gain - mean) ** 2 + (1 - precision) * (loss - mean) ** 2
    assert bet_sharpe(loss, gain, n_bets, precision) == pytest.approx(
        mean / math.sqrt(variance) * math.sqrt(n_bets), rel=1e-9, abs=1e-9
    )


@given(LOSS, GAIN, BETS, st.floats(-5, 5))
def test_the_needed_precision_gives_the_sharpe_ratio(loss, gain, n_bets, sharpe):
    precision = needed_precision(loss, gain, n_bets, sharpe)
    assert 0 < precision < 1
    assert bet_sharpe(loss, gain, n_bets, precision) == pytest.approx(sharpe, rel=1e-6, abs=1e-6)


@given(LOSS, GAIN, st.floats(0.01, 0.99), st.floats(-5, 5))
def test_the_needed_bets_give_the_sharpe_ratio_or_there_are_none(loss, gain, precision, sharpe):
    of_one = bet_sharpe(loss, gain, 1, precision)
    assume(abs(of_one) > 1e-6)
    assume(abs(sharpe) > 1e-6)
    n_bets = needed_bets(loss, gain, precision, sharpe)
    if of_one * sharpe > 0:
        assert bet_sharpe(loss, gain, n_bets, precision) == pytest.approx(sharpe, rel=1e-9)
    else:
        assert math.isnan(n_bets)


def test_two_gains_have_no_small_sharpe_ratio():
    assert math.isnan(needed_precision(0.01, 0.03, 260, 2.0))


def test_a_certain_outcome_has_no_sharpe_ratio():
    assert math.isnan(bet_sharpe(-0.01, 0.01, 260, 1.0))
    assert math.isnan(needed_bets(-0.01, 0.01, 1.0, 2.0))


def test_the_failure_probability_is_that_of_simulated_years():
    results = np.repeat([0.005, -0.01], [72, 28])
    needed = needed_precision(-0.01, 0.005, 260, 1.5)
    hits = np.random.default_rng(2).binomial(520, 0.72, 200_000) / 520
    assert failure_probability(results, 260, 1.5) == pytest.approx(np.mean(hits < needed), abs=0.02)


@given(st.integers(1, 99), st.floats(10, 1000), st.floats(-3, 3))
def test_the_failure_probability_falls_with_hits_and_rises_with_the_target(n_hits, n_bets, sharpe):
    def failing(n, target):
        return failure_probability(np.repeat([0.01, -0.01], [n, 100 - n]), n_bets, target)

    chance = failing(n_hits, sharpe)
    assert 0 <= chance <= 1
    assert failing(n_hits, sharpe + 0.5) >= chance
    if n_hits < 99:
        assert failing(n_hits + 1, sharpe) <= chance
    at = bet_sharpe(-0.01, 0.01, n_bets, n_hits / 100)
    assert failing(n_hits, at) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("results", [[], [0.01, 0.02], [-0.01], [0.0, 0.01]])
def test_bets_of_one_outcome_say_nothing(results):
    assert math.isnan(failure_probability(results, 100, 1.0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: bet_sharpe(0.01, -0.01, 260, 0.5), ParamsError, "stop_loss = 0.01 and profit_target = -0.01"),
        (lambda: needed_precision(-0.01, 0.01, 0, 2), ParamsError, "n_bets = 0; must be positive"),
        (lambda: failure_probability([0.1, -0.1], 0, 1), ParamsError, "0 bets a year over 2 years"),
        (lambda: failure_probability([0.1, math.nan], 9, 1), DataError, "1 of 2 results of bets are NaN"),
    ],
)
def test_what_is_no_strategy_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
