"""Sums of many values over the same last n rows, exact as those of `window`: one pass, a vector of values a row."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

HEAD: Final = 2


def sums_size(m: int, n: int) -> int:
    """Return how many places of a state `window_sums` takes for `m` values over `n` rows."""
    return HEAD + m * (n + 3)


@jit
def window_sums(m: int, n: int, state: NDArray[np.float64], at: int) -> None:
    """Sum each of `m` values over the last `n` rows, NaN until there are n and where one of them is NaN.

    The caller writes the values of a row to ``state[at + HEAD :]`` and reads their sums behind them, m places on. The
    way is that of `window.window_sum`: nothing is ever subtracted, so that a misprint is forgotten with its row.

    Parameters
    ----------
    state : zeros at first, changed in place; `sums_size` places from `at` on belong to the function: is full, place in
        the block, values, sums, totals of the block, ring of rows.
    """
    place = int(state[at + 1])
    values, size = np.uint64(at + HEAD), np.uint64(m)
    sums, blocks, ring = values + size, values + size + size, values + size + size + size
    here = ring + np.uint64(place) * size
    before = here + size
    if place == n - 1:
        # the block is complete: its ends become what the ring holds
        for j in range(size):
            state[sums + j] = state[blocks + j] + state[values + j]
            state[here + j] = state[values + j]
            state[blocks + j] = 0.0
        for _ in range(n - 1):
            later = here
            here = later - size
            for j in range(size):
                state[here + j] += state[later + j]
        state[at], state[at + 1] = 1.0, 0.0
        return
    gap = 0.0 if state[at] > 0.0 else np.nan
    for j in range(size):
        value = state[values + j]
        total = state[blocks + j] + value
        state[blocks + j] = total
        state[sums + j] = total + state[before + j] + gap
        state[here + j] = value
    state[at + 1] = place + 1.0


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    m = len(arrays)
    out = np.empty((arrays[0].shape[0], m))
    for i in range(out.shape[0]):
        state[HEAD : HEAD + m] = [values[i] for values in arrays]
        window_sums(m, 20, state, 0)
        out[i] = state[HEAD + m : HEAD + 2 * m]
    return out


WINDOW_SUMS: Final = Fold(("log_return", "close", "volume"), lambda: np.zeros(sums_size(3, 20)), _run)
