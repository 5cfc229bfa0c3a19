import numpy as np
import pytest

from tsis.kernels import structural_breaks as kernel

TRENDS = {kernel.NO_CONSTANT: "n", kernel.CONSTANT: "c", kernel.LINEAR_TREND: "ct", kernel.QUADRATIC_TREND: "ctt"}


def walk(n, seed=3):
    return np.log(2_000.0) + np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, n))


def bubble(n=160):
    y = walk(n, 8)
    for i in range(100, 130):
        y[i:] += 0.004 * 1.1 ** (i - 100)
    return y


def sadf(y, min_rows, max_rows, n_lags, trend):
    out = np.empty((y.size, 2))
    kernel.sadf(y, min_rows, max_rows, n_lags, trend, out)
    return out


def refitted(y, min_rows, max_rows, n_lags, trend):
    """Every window of every row by least squares."""
    out = np.full((y.size, 2), np.nan)
    for t in range(min_rows - 1, y.size):
        for first in range(max(0, t - max_rows + 1), t - min_rows + 2):
            rows = np.arange(first + 1 + n_lags, t + 1)
            columns = [(rows - rows[0]) ** power / 100.0**power for power in range(trend + 1)]
            columns += [y[rows - 1 - lag] - y[rows - 2 - lag] for lag in range(n_lags)]
            x = np.column_stack([*columns, y[rows - 1]]).astype(float)
            change = y[rows] - y[rows - 1]
            beta, *_ = np.linalg.lstsq(x, change, rcond=None)
            rest = change - x @ beta
            variance = rest @ rest / (rows.size - x.shape[1]) * np.linalg.inv(x.T @ x)[-1, -1]
            value = beta[-1] / np.sqrt(variance)
            if np.isnan(out[t, 0]) or value > out[t, 0]:
                out[t] = value, t - first
    return out


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("n_lags", [0, 1, 3])
def test_sadf_is_that_of_refitted_windows(trend, n_lags):
    y = bubble()[60:140]
    found, expected = sadf(y, 20, 50, n_lags, trend), refitted(y, 20, 50, n_lags, trend)
    assert np.isfinite(found[19:]).all()
    assert np.isnan(found[:19]).all()
    np.testing.assert_allclose(found[:, 0], expected[:, 0], rtol=1e-8)
    np.testing.assert_array_equal(found[:, 1], expected[:, 1])


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("n_lags", [0, 2])
def test_sadf_of_one_window_is_the_statistic_of_statsmodels(trend, n_lags):
    from statsmodels.tsa.stattools import adfuller

    for n in (25, 60, 400):
        y = walk(n, n)
        test = adfuller(y, maxlag=n_lags, regression=TRENDS[trend], autolag=None, result_object=True)
        assert sadf(y, n, n, n_lags, trend)[-1, 0] == pytest.approx(test.statistic, rel=1e-8)


def test_sadf_finds_a_bubble_and_forgets_it():
    found = sadf(bubble(), 20, 60, 1, kernel.CONSTANT)
    assert found[129, 0] > 3.0
    assert np.nanmax(found[:100, 0]) < 2.5
    assert 20 <= found[129, 1] + 1 <= 60


def test_the_unit_of_prices_matters_to_no_test_with_a_constant():
    y = bubble()
    for trend in (kernel.CONSTANT, kernel.LINEAR_TREND):
        np.testing.assert_allclose(
            sadf(y + np.log(100.0), 20, 50, 1, trend)[:, 0], sadf(y, 20, 50, 1, trend)[:, 0], rtol=1e-9
        )
    one, other = np.empty((y.size, 4)), np.empty((y.size, 4))
    kernel.csw_cusum(y, 20, 50, 4.6, one)
    kernel.csw_cusum(y + np.log(100.0), 20, 50, 4.6, other)
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_csw_is_the_formula_of_the_book():
    y = walk(90)
    out = np.empty((y.size, 4))
    kernel.csw_cusum(y, 10, 40, kernel.B_ALPHA_5_PCT, out)
    assert np.isnan(out[:9]).all()
    for t in range(9, y.size):
        window = y[max(0, t - 39) : t + 1]
        sigma = np.sqrt(np.mean(np.diff(window) ** 2))
        ago = np.arange(window.size - 1, 0, -1)
        s = (window[-1] - window[:-1]) / (sigma * np.sqrt(ago))
        expected = [s.max(), np.sqrt(4.6 + np.log(ago[s.argmax()])), (-s).max(), np.sqrt(4.6 + np.log(ago[s.argmin()]))]
        np.testing.assert_allclose(out[t], expected, rtol=1e-12)


def test_csw_is_mirrored_by_falling_prices():
    y = walk(200)
    up, down = np.empty((y.size, 4)), np.empty((y.size, 4))
    kernel.csw_cusum(y, 20, 50, 4.6, up)
    kernel.csw_cusum(-y, 20, 50, 4.6, down)
    np.testing.assert_array_equal(up, down[:, [2, 3, 0, 1]])


def test_csw_rejects_a_random_walk_seldom_and_a_jump_always():
    random = np.random.default_rng(1)
    last = []
    for _ in range(300):
        y = np.cumsum(random.normal(size=100))
        out = np.empty((100, 4))
        kernel.csw_cusum(y, 100, 100, 4.6, out)
        last.append(out[-1, 0] > out[-1, 1])
    assert np.mean(last) < 0.15
    y = walk(100)
    y[-1] += 0.1
    out = np.empty((100, 4))
    kernel.csw_cusum(y, 100, 100, 4.6, out)
    assert out[-1, 0] > out[-1, 1]


def test_chow_is_the_regression_on_the_level_since_the_break():
    y = bubble()[80:150]
    found = np.empty(y.size)
    kernel.chow_dickey_fuller(y, found)
    assert np.isnan(found[0])
    change = np.diff(y)
    for r in range(1, y.size):
        x = np.where(np.arange(1, y.size) >= r, y[:-1], 0.0)
        delta = x @ change / (x @ x)
        rest = change - delta * x
        expected = delta / np.sqrt(rest @ rest / (change.size - 1) / (x @ x))
        assert found[r] == pytest.approx(expected, rel=1e-9)


def test_sup_chow_is_the_largest_within_the_trimmed_window():
    y = bubble()
    out, inside = np.empty((y.size, 2)), np.empty(50)
    kernel.sup_chow(y, 20, 50, 0.2, out)
    assert np.isnan(out[:19]).all()
    for t in (49, 120, 159):
        kernel.chow_dickey_fuller(y[t - 49 : t + 1], inside)
        best = 10 + int(inside[10:41].argmax())
        assert out[t].tolist() == [inside[best], 49 - best]


def test_the_polynomial_of_a_martingale_test_is_least_squares():
    y = bubble()[60:140]
    out = np.empty((y.size, 2))
    kernel.sub_super_martingale(y, 15, 40, kernel.QUADRATIC_TREND, 0.3, out)
    for t in (20, 50, 79):
        best = 0.0
        for first in range(max(0, t - 39), t - 13):
            time = np.arange(t - first + 1.0)
            x = np.column_stack((time**0, time, time**2))
            beta, *_ = np.linalg.lstsq(x, y[first : t + 1], rcond=None)
            rest = y[first : t + 1] - x @ beta
            spread = np.sqrt(rest @ rest / (time.size - 3) * np.linalg.inv(x.T @ x)[2, 2])
            best = max(best, abs(beta[2]) / spread / time.size**0.3)
        assert out[t, 0] == pytest.approx(best, rel=1e-7)


def test_nothing_is_said_of_windows_without_a_move_or_with_a_missing_price():
    still, missing = np.full(60, 5.0), walk(200)
    missing[100] = np.nan
    csw, two = np.empty((60, 4)), np.empty((60, 2))
    kernel.csw_cusum(still, 10, 30, 4.6, csw)
    kernel.sup_chow(still, 10, 30, 0.15, two)
    assert np.isnan(csw).all()
    assert np.isnan(two).all()
    kernel.sadf(still, 10, 30, 1, kernel.CONSTANT, two)
    assert np.isnan(two).all()
    csw, two = np.empty((200, 4)), np.empty((200, 2))
    kernel.csw_cusum(missing, 30, 30, 4.6, csw)
    assert np.flatnonzero(np.isnan(csw[:, 0])).tolist() == [*range(29), *range(100, 130)]
    kernel.sup_chow(missing, 30, 30, 0.15, two)
    assert np.flatnonzero(np.isnan(two[:, 0])).tolist() == [*range(29), *range(100, 130)]
    kernel.sadf(missing, 30, 30, 0, kernel.CONSTANT, two)
    assert np.flatnonzero(np.isnan(two[:, 0])).tolist() == [*range(29), *range(100, 130)]
