import math

import numpy as np
import pytest

from tsis.analytics.backtest_overfitting import backtest_overfitting
from tsis.analytics.moments import moments
from tsis.analytics.sharpe import trial_variance
from tsis.analytics.trial_family import trial_family

RNG = np.random.default_rng(5)
NOISE = RNG.normal(0.0, 0.01, (1000, 6))
COMMON = RNG.normal(0.0, 0.01, 1000)


def sharpes(returns):
    return [moments(column.tolist()).sharpe for column in returns.T]


def test_independent_trials_are_worth_their_number_and_cscv_is_made_among_them():
    found = trial_family(sharpes(NOISE), NOISE)
    assert (found.n_trials, found.n_effective) == (6, 6)
    assert found.sharpe_variance == pytest.approx(trial_variance(sharpes(NOISE)))
    assert found.pbo_frac == backtest_overfitting(NOISE, 16).pbo


def test_variants_of_one_rule_are_one_choice():
    variants = COMMON[:, None] + 0.3 * NOISE
    found = trial_family(sharpes(variants), variants)
    assert (found.n_trials, found.pbo_frac) == (6, None)
    copies = np.column_stack([COMMON] * 6)
    assert trial_family(sharpes(copies), copies).n_effective == 1


@pytest.mark.parametrize(("rho", "n_effective"), [(0.9, 3), (0.7, 4), (0.55, 6)])
def test_the_best_of_variants_is_as_lucky_as_the_best_of_so_many(rho, n_effective):
    """E[max 20] = 1.87 standard errors times sqrt(1 - rho): 0.59, 1.02, 1.25; E[max 3], [4], [6] = 0.84, 1.03, 1.27."""
    variants = rho**0.5 * COMMON[:, None] + (1 - rho) ** 0.5 * RNG.normal(0.0, 0.01, (1000, 20))
    assert abs(trial_family(sharpes(variants), variants).n_effective - n_effective) <= 1


def test_thirty_variants_of_a_good_rule_do_not_look_overfitted():
    good = 0.002 + COMMON[:, None] + 0.1 * RNG.normal(0.0, 0.01, (1000, 30))
    family = np.column_stack((good, NOISE))
    assert backtest_overfitting(family, 16).pbo > 0.2
    assert trial_family(sharpes(family), family).pbo_frac < 0.2


def test_trials_without_returns_count_each():
    found = trial_family([*sharpes(NOISE), None, 0.1], NOISE)
    assert (found.n_trials, found.n_effective) == (8, 8)
    alone = trial_family([0.1, None])
    assert (alone.n_trials, alone.n_effective, alone.sharpe_variance, alone.pbo_frac) == (2, 2, None, None)
    assert trial_family([]).n_trials == 1


def test_trials_that_never_traded_are_one():
    family = np.column_stack((NOISE, np.zeros((1000, 4))))
    found = trial_family([*sharpes(NOISE), *[None] * 4], family)
    assert (found.n_trials, found.n_effective) == (10, 7)


@pytest.mark.parametrize(("n_days", "is_defined"), [(2, False), (39, False), (40, True), (320, True)])
def test_few_days_have_no_pbo(n_days, is_defined):
    found = trial_family(sharpes(NOISE[:n_days]), NOISE[:n_days])
    assert (found.pbo_frac is not None) == is_defined
    assert found.n_trials == 6


def test_leverage_gives_no_trial_a_louder_voice():
    loud = NOISE.copy()
    loud[:, 0] *= 100.0
    quiet, same = trial_family(sharpes(NOISE), NOISE), trial_family(sharpes(loud), loud)
    assert same.n_effective == quiet.n_effective
    assert math.isclose(same.pbo_frac, quiet.pbo_frac, abs_tol=1e-3)
