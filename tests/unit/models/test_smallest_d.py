import numpy as np
import pytest

from tsis.core.errors import DataError, UsageError
from tsis.kernels.fracdiff import fixed_weights
from tsis.models.smallest_d import GRID, differentiated, smallest_d


@pytest.fixture(scope="module")
def prices():
    return np.log(100.0) + np.cumsum(np.random.default_rng(5).normal(0.0, 0.01, 1_500))


def test_a_random_walk_needs_some_differentiation_and_less_than_one(prices):
    found = smallest_d(prices, (0, 1_000), cut_off=1e-3)
    tried = found.tried
    assert 0.0 < found.d < 1.0
    assert tried["d"].to_list() == list(GRID)
    row = tried.row(GRID.index(found.d), named=True)
    assert row["p_value"] <= 0.05
    assert row["adf"] < row["critical_5_pct"]
    assert row["width"] == fixed_weights(found.d, 1e-3).size
    assert row["n_rows"] == 1_000 - row["width"] + 1
    assert (tried.head(GRID.index(found.d))["p_value"] > 0.05).all()
    # the higher the order, the less is left of the series
    assert tried["adf"][-1] < tried["adf"][0]
    assert tried["correlation"][0] == pytest.approx(1.0)
    assert tried["correlation"][-1] < 0.2 < row["correlation"]


def test_the_statistic_is_a_regression(prices):
    row = smallest_d(prices, (0, 1_000), grid=(0.5,), cut_off=1e-3).tried.row(0, named=True)
    z = differentiated(prices[:1_000], 0.5, 1e-3)
    z = z[~np.isnan(z)]
    change = np.diff(z)
    x = np.column_stack((z[1:-1], change[:-1], np.ones(change.size - 1)))
    beta, *_ = np.linalg.lstsq(x, change[1:], rcond=None)
    rest = change[1:] - x @ beta
    spread = np.sqrt(rest @ rest / (rest.size - 3) * np.linalg.inv(x.T @ x)[0, 0])
    assert row["adf"] == pytest.approx(beta[0] / spread, rel=1e-9)


def test_only_the_training_window_is_looked_at(prices):
    changed = prices.copy()
    changed[:100], changed[900:] = np.nan, 7.0
    one, other = smallest_d(prices, (100, 900), cut_off=1e-3), smallest_d(changed, (100, 900), cut_off=1e-3)
    assert one.d == other.d
    assert one.tried.equals(other.tried)


def test_the_frozen_order_differentiates_later_rows(prices):
    order = smallest_d(prices, (0, 800), cut_off=1e-3)
    width = fixed_weights(order.d, 1e-3).size
    found = order.differentiate(prices)
    expected = np.convolve(prices, fixed_weights(order.d, 1e-3), mode="valid")
    np.testing.assert_allclose(found[width - 1 :], expected, atol=1e-12)
    assert order.differentiate(prices[:900]).tobytes() == found[:900].tobytes()
    assert order.differentiate(prices[:0]).size == 0


def test_orders_whose_window_is_too_long_are_listed_and_not_tested(prices):
    found = smallest_d(prices, (0, 150), grid=(0.3, 0.5, 1.0))
    assert found.tried["adf"].is_null().to_list() == [True, True, False]
    assert found.d == 1.0


def test_what_can_not_be_answered_is_refused(prices):
    with pytest.raises(
        DataError, match=r"none of 1 orders has a p-value of at most 0.05 on 800 rows, the lowest is 0\."
    ):
        smallest_d(prices, (0, 800), grid=(0.0,))
    with pytest.raises(DataError, match="all windows are too short"):
        smallest_d(prices, (0, 20))
    with pytest.raises(DataError, match="does not lie in 1,500 rows"):
        smallest_d(prices, (0, 2_000))
    with pytest.raises(DataError, match="all 500 training rows are 3"):
        smallest_d(np.full(600, 3.0), (0, 500))
    holed = prices.copy()
    holed[50] = np.nan
    with pytest.raises(DataError, match="1 of 800 training rows are NaN"):
        smallest_d(holed, (0, 800))


@pytest.mark.parametrize(
    ("series", "grid", "error", "what"),
    [
        (np.arange(500.0), (0.0, 1.0), DataError, "none of 2 orders"),
        (np.append(np.arange(499.0), np.inf), (0.5,), DataError, "NaN or infinite"),
        (np.sin(np.arange(500.0)), (), UsageError, "no orders"),
    ],
)
def test_what_can_not_be_tested_is_said(series, grid, error, what):
    with pytest.raises(error, match=what):
        smallest_d(series, (0, 500), grid=grid, cut_off=1e-3)


def test_a_list_is_a_series():
    walk = np.cumsum(np.random.default_rng(1).normal(size=400))
    assert smallest_d(list(walk), (0, 400), cut_off=1e-2).d == smallest_d(walk, (0, 400), cut_off=1e-2).d
