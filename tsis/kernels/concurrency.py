"""How much labels overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows


@jit
def concurrency(start: NDArray[np.int64], end: NDArray[np.int64], n_bars: int) -> NDArray[np.int64]:
    """Return for each bar the number of labels whose window holds it, both ends included (AFML snippet 4.1).

    An end at or beyond `n_bars` is a window that is still open.
    """
    change = np.zeros(n_bars + 1, dtype=np.int64)
    for k in range(start.shape[0]):
        change[start[k]] += 1
        change[min(end[k] + 1, n_bars)] -= 1
    return np.cumsum(change)[:n_bars]


@jit
def label_weights(
    start: NDArray[np.int64], end: NDArray[np.int64], alive: NDArray[np.int64], log_return: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (m, 3): mean concurrency, average uniqueness and return attribution of each label.

    Average uniqueness is the mean of 1 / concurrency over the window (AFML snippet 4.2). Return attribution is the
    absolute sum of log_return / concurrency over the window (snippet 4.10), whose first summand is, as in the book,
    the return into the bar of the event. Not normalised. A label that ends on the last bar is complete.

    Parameters
    ----------
    start, end : (m,) first and last bar of each window, both within the data.
    alive : (n,) from `concurrency`.
    log_return : (n,) return into each bar; NaN, as at the first, counts as zero.
    """
    out = np.empty((start.shape[0], 3))
    for k in range(start.shape[0]):
        labels, unique, attributed = 0.0, 0.0, 0.0
        for i in range(start[k], end[k] + 1):
            labels += alive[i]
            unique += 1.0 / alive[i]
            if not np.isnan(log_return[i]):
                attributed += log_return[i] / alive[i]
        n = end[k] - start[k] + 1
        out[k, 0], out[k, 1], out[k, 2] = labels / n, unique / n, abs(attributed)
    return out


def _weights_of_windows(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    # a label on every third bar, its window 5 or 8 bars long; those that go beyond the last bar are still open
    log_return = arrays[0]
    n = log_return.shape[0]
    start = np.arange(0, n, 3)
    end = start + np.where(start % 2 == 0, 4, 7)
    is_ended = end < n
    alive = concurrency(start, end, n)
    return label_weights(start[is_ended], end[is_ended], alive, log_return), end[is_ended]


LABEL_WEIGHTS = Batch(inputs=("log_return",), run=_weights_of_windows)
"""The weights of a label are known when its window ends: no later label can begin within it."""
