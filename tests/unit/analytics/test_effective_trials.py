import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.analytics.effective_trials import effective_trials
from tsis.analytics.sharpe import expected_maximum_normal, min_backtest_length_years
from tsis.core.errors import DataError, ParamsError


def families(n_families, size, share, n=400, seed=1):
    """Trials that have `share` of their variance in common with the others of their family."""
    rng = np.random.default_rng(seed)
    common = np.repeat(rng.normal(size=(n, n_families)), size, axis=1)
    return np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=(n, n_families * size))


@pytest.mark.parametrize(("n_families", "size"), [(1, 12), (5, 4), (3, 30), (20, 1)])
def test_it_finds_the_families(n_families, size):
    found = effective_trials(families(n_families, size, 0.8))
    assert found.n == n_families
    assert found.cluster.tolist() == np.repeat(np.arange(n_families), size).tolist()


@settings(max_examples=20)
@given(st.integers(0, 99), st.permutations(range(12)))
def test_the_order_of_the_trials_changes_nothing_but_the_numbers(seed, order):
    returns = families(4, 3, 0.6, 120, seed)
    one, other = effective_trials(returns), effective_trials(returns[:, order])
    assert one.n == other.n
    same = one.cluster[:, None] == one.cluster
    assert (same[np.ix_(order, order)] == (other.cluster[:, None] == other.cluster)).all()
    assert list(dict.fromkeys(other.cluster.tolist())) == list(range(other.n))


@settings(max_examples=20)
@given(st.integers(0, 99), st.floats(0.1, 0.9), st.floats(1e-6, 1e6))
def test_scale_changes_nothing_and_strictness_only_splits(seed, alike, scale):
    returns = families(4, 3, 0.5, 60, seed)
    found = effective_trials(returns, alike)
    assert effective_trials(returns * scale + 3.0 * scale, alike).n == found.n
    assert effective_trials(returns, min(alike + 0.05, 0.99)).n >= found.n


def test_two_clusters_are_merged_on_the_average_of_their_correlations():
    """Three trials: 0 and 1 correlate at 0.9, 2 with them at 0.6 and 0.3, on average 0.45."""
    target = np.array([[1.0, 0.9, 0.6], [0.9, 1.0, 0.3], [0.6, 0.3, 1.0]])
    values = np.random.default_rng(5).normal(size=(50, 3))
    values -= values.mean(axis=0)
    white = values @ np.linalg.inv(np.linalg.cholesky(values.T @ values)).T
    returns = white @ np.linalg.cholesky(target).T
    np.testing.assert_allclose(np.corrcoef(returns.T), target, atol=1e-12)
    assert effective_trials(returns, 0.44).cluster.tolist() == [0, 0, 0]
    assert effective_trials(returns, 0.46).cluster.tolist() == [0, 0, 1]
    assert effective_trials(returns, 0.91).cluster.tolist() == [0, 1, 2]


def test_copies_and_trials_without_a_trade_count_once_and_a_mirror_image_twice():
    one = families(1, 1, 0.5)
    idle = np.zeros((400, 3))
    assert effective_trials(np.column_stack((one, one, idle, -one, idle))).cluster.tolist() == [
        0,
        0,
        1,
        1,
        1,
        2,
        1,
        1,
        1,
    ]


def test_one_and_none():
    assert effective_trials(np.ones((9, 1))).n == 1
    assert effective_trials(np.ones((9, 0))).n == 0


def test_it_feeds_the_minimum_backtest_length():
    returns = families(45, 2, 0.9, 2000)
    assert min_backtest_length_years(effective_trials(returns).n) == pytest.approx(4.998, abs=5e-4)


def test_the_luck_of_the_best_is_that_of_the_clusters():
    """500 searches of 60 trials in 6 families: their best Sharpe ratio is nearer to that of 6 than to that of 60."""
    best = [families(6, 10, 0.95, 100, seed).mean(axis=0).max() * 10 for seed in range(500)]
    n = effective_trials(families(6, 10, 0.95)).n
    assert n == 6
    assert abs(np.mean(best) - expected_maximum_normal(n)) < abs(np.mean(best) - expected_maximum_normal(60))


@pytest.mark.parametrize(
    ("returns", "alike", "error", "message"),
    [
        (np.ones((9, 2)), 1.0, ParamsError, "alike = 1.0"),
        (np.ones(9), 0.5, DataError, r"shape \(9,\)"),
        (np.ones((2, 2)), 0.5, DataError, "2 observations of 2 trials"),
        (np.full((9, 2), np.nan), 0.5, DataError, "18 returns NaN"),
    ],
)
def test_what_cannot_be_clustered_is_refused(returns, alike, error, message):
    with pytest.raises(error, match=message):
        effective_trials(returns, alike)
