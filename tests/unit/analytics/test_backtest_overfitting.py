import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from tsis.analytics.backtest_overfitting import backtest_overfitting
from tsis.core.errors import DataError, ParamsError


def noise(n=1000, trials=20, seed=0):
    return np.random.RandomState(seed).normal(0, 0.01, (n, trials))


def by_the_book(returns, n_blocks):
    """(c, 4): logit, trial, Sharpe ratio in and out of sample; the plain way."""
    blocks = np.array_split(returns, n_blocks)
    rows = []
    for inside in combinations(range(n_blocks), n_blocks // 2):
        halves = [
            np.concatenate([block for i, block in enumerate(blocks) if (i in inside) == is_in])
            for is_in in (True, False)
        ]
        before, after = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in halves)
        best = int(np.argmax(before))
        omega = rankdata(after)[best] / (returns.shape[1] + 1)
        rows.append((math.log(omega / (1 - omega)), best, before[best], after[best]))
    return np.array(rows)


def test_published_figures():
    returns = noise()
    assert backtest_overfitting(returns, 10).pbo == 0.30952380952380953
    returns[:, 7] += 0.002
    assert backtest_overfitting(returns, 10).pbo == 0.003968253968253968


def test_sixteen_blocks_make_12870_splits():
    found = backtest_overfitting(noise(160, 3))
    assert found.logit.shape == found.trial.shape == found.sharpe_in.shape == found.sharpe_out.shape == (12_870,)


@settings(max_examples=25)
@given(st.integers(0, 999), st.sampled_from([2, 4, 6, 8]), st.integers(2, 9), st.integers(0, 40))
def test_it_is_what_the_plain_way_finds(seed, n_blocks, trials, more):
    returns = noise(2 * n_blocks + more, trials, seed)
    found = backtest_overfitting(returns, n_blocks)
    expected = by_the_book(returns, n_blocks)
    assert found.trial.tolist() == expected[:, 1].tolist()
    np.testing.assert_allclose(found.logit, expected[:, 0], rtol=1e-12)
    np.testing.assert_allclose(found.sharpe_in, expected[:, 2], rtol=1e-9)
    np.testing.assert_allclose(found.sharpe_out, expected[:, 3], rtol=1e-9, atol=1e-12)
    assert found.pbo == np.mean(expected[:, 0] <= 0)
    assert found.loss_frac == np.mean(expected[:, 3] < 0)
    assert found.degradation == pytest.approx(np.polyfit(expected[:, 2], expected[:, 3], 1)[0], rel=1e-6, abs=1e-9)


def test_a_large_mean_costs_no_digits():
    returns = noise(200, 4) + 1e3
    np.testing.assert_allclose(backtest_overfitting(returns, 6).sharpe_in, by_the_book(returns, 6)[:, 2], rtol=1e-9)


def test_noise_is_overfitted_half_the_time_and_skill_is_not():
    pbo = [backtest_overfitting(noise(240, 10, seed), 8).pbo for seed in range(60)]
    assert np.mean(pbo) == pytest.approx(0.5, abs=0.07)


def test_trials_that_are_all_equal_show_no_skill():
    found = backtest_overfitting(np.repeat(noise(100, 1), 5, axis=1), 4)
    assert found.logit.tolist() == [0.0] * 6
    assert found.pbo == 1.0


def test_a_trial_without_a_position_has_the_sharpe_ratio_0():
    losing = noise(100, 2) - 0.05
    found = backtest_overfitting(np.column_stack((losing, np.zeros(100))), 4)
    assert found.trial.tolist() == [2] * 6
    assert found.sharpe_in.tolist() == found.sharpe_out.tolist() == [0.0] * 6
    assert found.pbo == 0.0
    assert math.isnan(found.degradation)
    constant = backtest_overfitting(np.column_stack((losing, np.full(100, 0.001))), 4)
    assert constant.sharpe_in.tolist() == [0.0] * 6


def test_a_matrix_that_stands_on_its_side_is_refused():
    with pytest.raises(DataError, match=r"20 observations of 1,000 trials; rows are observations.*n_trials=1000"):
        backtest_overfitting(noise().T, 10)


def test_more_trials_than_observations_must_be_said():
    wide = noise(40, 60)
    with pytest.raises(DataError, match="40 observations of 60 trials"):
        backtest_overfitting(wide, 4)
    assert backtest_overfitting(wide, 4, n_trials=60).logit.size == 6
    with pytest.raises(DataError, match="60 columns but n_trials = 40"):
        backtest_overfitting(wide, 4, n_trials=40)


@pytest.mark.parametrize(
    ("returns", "n_blocks", "error", "message"),
    [
        (noise(100, 3), 5, ParamsError, "n_blocks = 5; must be even"),
        (noise(100, 3), 0, ParamsError, "n_blocks = 0"),
        (noise(100, 1), 4, DataError, "at least 2 trials"),
        (noise(100, 3)[:, 0], 4, DataError, r"shape \(100,\)"),
        (noise(7, 3), 4, DataError, "7 observations for 4 blocks; needs at least 2 each"),
        (np.where(noise(100, 3) > 0.02, np.nan, 1.0), 4, DataError, r"\d+ of 300 returns are NaN"),
    ],
)
def test_what_cannot_be_judged_is_refused(returns, n_blocks, error, message):
    with pytest.raises(error, match=message):
        backtest_overfitting(returns, n_blocks)


def test_the_input_is_left_alone():
    returns = noise(100, 3)
    before = returns.copy()
    backtest_overfitting(returns, 4)
    assert (returns == before).all()
