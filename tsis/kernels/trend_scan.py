"""The most significant straight line through the prices that follow."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows

_ROUNDING: Final = 1e-12
"""Residuals up to this part of the price are taken for rounding: a perfect line has a large t-value, not infinity."""


@jit
def trend_scan(
    close: NDArray[np.float64],
    start: NDArray[np.int64],
    shortest: int,
    longest: int,
    step: int,
    t_value: NDArray[np.float64],
    n_bars: NDArray[np.int64],
) -> None:
    """Write for each start the t-value of the slope, largest in size over the windows, and that window's length.

    The windows begin at `start` and hold shortest, shortest + step, … up to `longest` bars, the first included; of
    equal sizes the shorter one counts. Where the longest does not fit into the data: NaN and 0, since its t-value might
    have been the largest. (Lopez de Prado 2020, Machine Learning for Asset Managers, snippets 5.1 and 5.2.)

    One bar more changes the fit by its recursive residual e, which adds a square and never subtracts one: with j bars
    before it, slope += 6 e / ((j + 1)(j + 2)) and residual squares += e² j (j - 1) / ((j + 1)(j + 2)).

    Parameters
    ----------
    close : (n,) prices above zero.
    start : (m,) bars of it.
    shortest : 3 or more.
    """
    gain, square, scale = np.zeros(longest), np.zeros(longest), np.zeros(longest)
    for j in range(1, longest):
        ends = (j + 1.0) * (j + 2.0)
        gain[j], square[j] = 6.0 / ends, j * (j - 1.0) / ends
        scale[j] = j * ends / 12.0 * (j - 1.0)
    for k in range(start.shape[0]):
        first = start[k]
        t_value[k], n_bars[k] = np.nan, 0
        if first + longest > close.shape[0]:
            continue
        entry = close[first]
        rounding = (_ROUNDING * entry) ** 2
        mean, slope, residual, best, due = 0.0, 0.0, 0.0, -1.0, shortest - 1
        for j in range(1, longest):
            y = close[first + j] - entry
            error = y - (mean + slope * 0.5 * (j + 1.0))
            mean += (y - mean) / (j + 1.0)
            slope += gain[j] * error
            residual += square[j] * error * error
            if j == due:
                due += step
                squared = slope * slope * scale[j] / max(residual, rounding * (j - 1.0))
                if squared > best:
                    best, n_bars[k] = squared, j + 1
                    t_value[k] = np.sqrt(squared) if slope >= 0.0 else -np.sqrt(squared)


def _run(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    n, longest = arrays[0].size, 12
    start = np.arange(max(n - longest + 1, 0))
    t_value, n_bars = np.empty(start.size), np.empty(start.size, dtype=np.int64)
    trend_scan(arrays[0], start, 4, longest, 2, t_value, n_bars)
    return np.column_stack((t_value, n_bars.astype(np.float64))), start + longest - 1


TREND_SCAN = Batch(inputs=("close",), run=_run)
