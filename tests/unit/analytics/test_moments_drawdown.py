import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.analytics.drawdown import drawdown_frac, max_drawdown_frac
from tsis.analytics.moments import moments


@given(st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=60).filter(lambda x: np.std(x) > 1e-4))
def test_moments_are_those_of_scipy(returns):
    from scipy import stats

    found = moments(returns)
    assert found.sharpe == pytest.approx(np.mean(returns) / np.std(returns, ddof=1), rel=1e-9, abs=1e-12)
    assert found.skew == pytest.approx(stats.skew(returns), rel=1e-6, abs=1e-9)
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-6)


@pytest.mark.parametrize("returns", [[], [0.1], [0.0] * 9, [0.1] * 7, [1e-3 + 1e-19, 1e-3]])
def test_no_spread_no_sharpe(returns):
    found = moments(returns)
    assert (found.sharpe, found.skew, found.kurtosis) == (None, None, None)


def test_order_does_not_change_a_bit():
    returns = np.random.default_rng(0).normal(size=999).tolist()
    assert moments(returns) == moments(returns[::-1])


def test_drawdown_by_hand():
    equity = np.array([100.0, 120.0, 90.0, 130.0, 65.0, 70.0])
    np.testing.assert_allclose(drawdown_frac(equity), [0, 0, 0.25, 0, 0.5, 1 - 70 / 130])
    assert max_drawdown_frac(equity) == 0.5
    assert max_drawdown_frac(np.array([])) == 0.0
    assert max_drawdown_frac(np.array([10.0, -5.0])) == 1.0


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=40))
def test_drawdown_is_the_worst_pair(equity):
    pairs = [1 - equity[j] / equity[i] for i in range(len(equity)) for j in range(i, len(equity))]
    assert max_drawdown_frac(np.array(equity)) == pytest.approx(max(pairs), abs=1e-12)
    assert not math.isnan(max_drawdown_frac(np.array(equity)))
