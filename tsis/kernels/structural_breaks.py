"""Tests for structural breaks (AFML 17), each over windows that end at a row: known at that row's close, never before.

All three share `min_rows` and `max_rows`: the window of row t is the last `max_rows` rows up to t, and fewer at the
beginning of a series, but at least `min_rows`; equal numbers make a rolling window, a `max_rows` beyond the series an
expanding one. A window that holds a NaN, or in which nothing moves, gives NaN.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows

B_ALPHA_5_PCT: Final = 4.6
"""Of the critical value sqrt(b + log(t - n)) at 5 %, by simulation: Chu, Stinchcombe and White (1996), AFML 17.3.2."""
NO_CONSTANT: Final = -1
CONSTANT: Final = 0
LINEAR_TREND: Final = 1
QUADRATIC_TREND: Final = 2
"""Deterministic part of a regression: the highest power of time in it."""
_SINGULAR: Final = 1e-11


@jit
def csw_cusum(y: NDArray[np.float64], min_rows: int, max_rows: int, b_alpha: float, out: NDArray[np.float64]) -> None:
    """Write the Chu-Stinchcombe-White CUSUM test on levels, upward and downward (AFML 17.3.2).

    S[n, t] = (y[t] - y[n]) / (sigma[t] sqrt(t - n)), sigma[t]^2 the mean squared change in the window. Upward is the
    largest S over all n of the window, downward the largest -S; each exceeds by chance in 5 % of all cases what
    sqrt(4.6 + log(t - n)) is at its own n.

    Parameters
    ----------
    y : (n,) log prices.
    b_alpha : 4.6 for 5 %.
    out : (n, 4) written: upward statistic and its critical value, downward statistic and its critical value.
    """
    out[:] = np.nan
    for t in range(max(min_rows, 2) - 1, y.shape[0]):
        first = max(0, t - max_rows + 1)
        squares = 0.0
        for i in range(first + 1, t + 1):
            squares += (y[i] - y[i - 1]) * (y[i] - y[i - 1])
        sigma = np.sqrt(squares / (t - first))
        if not sigma > 0.0:
            continue
        up, down, up_rows, down_rows = -np.inf, -np.inf, 1, 1
        for n in range(t - 1, first - 1, -1):
            s = (y[t] - y[n]) / (sigma * np.sqrt(np.float64(t - n)))
            if s > up:
                up, up_rows = s, t - n
            if -s > down:
                down, down_rows = -s, t - n
        out[t, 0], out[t, 1] = up, np.sqrt(b_alpha + np.log(up_rows))
        out[t, 2], out[t, 3] = down, np.sqrt(b_alpha + np.log(down_rows))


@jit
def chow_dickey_fuller(y: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write for each row r the Chow-type Dickey-Fuller statistic of a break at r, known at the last row (AFML 17.4.1).

    The t-value of delta in y[i] - y[i-1] = delta y[i-1] [i >= r] + e: a random walk that explodes from r on. Without a
    constant, so that the unit of y matters: take log prices in the unit of the quote. NaN at row 0.

    Parameters
    ----------
    y, out : (n,).
    """
    n = y.shape[0]
    out[:] = np.nan
    total = 0.0
    for i in range(1, n):
        total += (y[i] - y[i - 1]) * (y[i] - y[i - 1])
    xx, xy = 0.0, 0.0
    for r in range(n - 1, 0, -1):
        xx += y[r - 1] * y[r - 1]
        xy += y[r - 1] * (y[r] - y[r - 1])
        rest = total - xy * xy / xx
        if n > 2 and xx > 0.0 and rest > 0.0:
            out[r] = xy / xx / np.sqrt(rest / (n - 2) / xx)


@jit
def sup_chow(y: NDArray[np.float64], min_rows: int, max_rows: int, trim_frac: float, out: NDArray[np.float64]) -> None:
    """Write the largest `chow_dickey_fuller` in each window, and how many rows ago its break was (AFML 17.4.1).

    Parameters
    ----------
    y : (n,) log prices.
    trim_frac : share of the window at each end in which no break is looked for, below 0.5.
    out : (n, 2) written.
    """
    out[:] = np.nan
    found = np.empty(min(max_rows, y.shape[0]))
    for t in range(max(min_rows, 3) - 1, y.shape[0]):
        first = max(0, t - max_rows + 1)
        n = t - first + 1
        chow_dickey_fuller(y[first : t + 1], found[:n])
        trimmed = max(1, int(np.ceil(trim_frac * n)))
        for r in range(trimmed, n - trimmed + 1):
            if r < n and found[r] > (out[t, 0] if out[t, 0] == out[t, 0] else -np.inf):
                out[t, 0], out[t, 1] = found[r], n - 1 - r


@jit
def _t_value_of_last(
    xx: NDArray[np.float64], xy: NDArray[np.float64], yy: float, n: int, root: NDArray[np.float64]
) -> float:
    """Return the t-value of the last regressor from the cross products of `n` observations; NaN where singular.

    With xx = R R' and R z = xy, the last coefficient is z[-1] / R[-1, -1], its variance s^2 / R[-1, -1]^2 and the sum
    of squared residuals yy - z z'. `root` is room: (k, k) for R and a last column for z.
    """
    k = xx.shape[0]
    rest = yy
    for i in range(k):
        for j in range(i + 1):
            total = xx[i, j]
            for m in range(j):
                total -= root[i, m] * root[j, m]
            if j < i:
                root[i, j] = total / root[j, j]
            elif total > _SINGULAR * xx[i, i]:
                root[i, i] = np.sqrt(total)
            else:
                return np.nan
        z = xy[i]
        for m in range(i):
            z -= root[i, m] * root[m, k]
        root[i, k] = z / root[i, i]
        rest -= root[i, k] * root[i, k]
    if rest <= _SINGULAR * yy or n <= k:
        return np.nan
    return float(root[k - 1, k] / np.sqrt(rest / (n - k)))


@jit
def sadf(
    y: NDArray[np.float64], min_rows: int, max_rows: int, n_lags: int, trend: int, out: NDArray[np.float64]
) -> None:
    """Write the supremum augmented Dickey-Fuller statistic and the rows since its window began (AFML 17.4.2).

    For each row t the largest t-value of beta in y[i] - y[i-1] = beta y[i-1] + lagged changes + time + e over all
    windows that end at t and hold `min_rows` to `max_rows` rows, lagged values included. Cross products grow by one
    observation a window: n windows a row, none of them refitted.

    Parameters
    ----------
    y : (n,) log prices.
    min_rows : at least 2 n_lags + trend + 5, so that the shortest window has more observations than coefficients.
    n_lags : lagged changes.
    trend : `NO_CONSTANT`, `CONSTANT`, `LINEAR_TREND` or `QUADRATIC_TREND`.
    out : (n, 2) written.
    """
    out[:] = np.nan
    n_time = trend + 1
    k = n_time + n_lags + 1
    x, xy, xx, root = np.empty(k), np.empty(k), np.empty((k, k)), np.empty((k, k + 1))
    for t in range(min_rows - 1, y.shape[0]):
        first = max(0, t - max_rows + 1)
        # a level from t on, and time as a part of the window, keep the cross products well conditioned
        origin = y[t] if n_time > 0 else 0.0
        best = -np.inf
        xx[:], xy[:], yy = 0.0, 0.0, 0.0
        for i in range(t, first + n_lags, -1):
            time, power = (i - t) / max_rows, 1.0
            for j in range(n_time):
                x[j] = power
                power *= time
            for j in range(n_lags):
                x[n_time + j] = y[i - 1 - j] - y[i - 2 - j]
            x[k - 1] = y[i - 1] - origin
            change = y[i] - y[i - 1]
            yy += change * change
            for a in range(k):
                xy[a] += x[a] * change
                for b in range(a + 1):
                    xx[a, b] += x[a] * x[b]
            n_rows = t - i + 2 + n_lags
            if n_rows >= min_rows:
                value = _t_value_of_last(xx, xy, yy, t - i + 1, root)
                if value > best:
                    best = value
                    out[t, 0], out[t, 1] = value, n_rows - 1


@jit
def sub_super_martingale(
    y: NDArray[np.float64], min_rows: int, max_rows: int, trend: int, phi: float, out: NDArray[np.float64]
) -> None:
    """Write the sub- and super-martingale statistic and the rows since its window began (AFML 17.4.4).

    The largest |t-value| of the highest power of time in y = time + e, over n_rows^phi, over all windows that end at t
    and hold `min_rows` to `max_rows` rows. `QUADRATIC_TREND` on prices and on log prices are the book's polynomial
    specifications, `LINEAR_TREND` on log prices its exponential one.

    Parameters
    ----------
    phi : 0 for none, to 1: how much long windows are held back.
    out : (n, 2) written.
    """
    out[:] = np.nan
    k = trend + 1
    x, xy, xx, root = np.empty(k), np.empty(k), np.empty((k, k)), np.empty((k, k + 1))
    for t in range(max(min_rows, k + 1) - 1, y.shape[0]):
        best = -np.inf
        xx[:], xy[:], yy = 0.0, 0.0, 0.0
        for i in range(t, max(0, t - max_rows + 1) - 1, -1):
            time, power, level = (i - t) / max_rows, 1.0, y[i] - y[t]
            for j in range(k):
                x[j] = power
                power *= time
            yy += level * level
            for a in range(k):
                xy[a] += x[a] * level
                for b in range(a + 1):
                    xx[a, b] += x[a] * x[b]
            n_rows = t - i + 1
            if n_rows >= min_rows:
                value = abs(_t_value_of_last(xx, xy, yy, n_rows, root)) / np.float64(n_rows) ** phi
                if value > best:
                    best = value
                    out[t, 0], out[t, 1] = value, n_rows - 1


def _known(n: int) -> NDArray[np.int64]:
    return np.arange(n)


def _run_csw(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    out = np.empty((arrays[0].shape[0], 4))
    csw_cusum(np.log(arrays[0]), 20, 60, B_ALPHA_5_PCT, out)
    return out, _known(out.shape[0])


def _run_chow(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    out = np.empty((arrays[0].shape[0], 2))
    sup_chow(np.log(arrays[0]), 20, 60, 0.15, out)
    return out, _known(out.shape[0])


def _run_sadf(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    out = np.empty((arrays[0].shape[0], 2))
    sadf(np.log(arrays[0]), 20, 60, 1, CONSTANT, out)
    return out, _known(out.shape[0])


def _run_martingale(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    out = np.empty((arrays[0].shape[0], 2))
    sub_super_martingale(np.log(arrays[0]), 20, 60, QUADRATIC_TREND, 0.5, out)
    return out, _known(out.shape[0])


CSW_CUSUM: Final = Batch(("close",), _run_csw)
SUP_CHOW: Final = Batch(("close",), _run_chow)
SADF: Final = Batch(("close",), _run_sadf)
SUB_SUPER_MARTINGALE: Final = Batch(("close",), _run_martingale)
