"""Sums and extremes over the last n values, one at a time, exact: nothing of a value is left once it has gone.

The values come in blocks of n. The window is the end of the block before and the beginning of this one: of the former a
ring keeps what each of its ends amounts to, of the latter a total grows with each value; nothing is ever subtracted.
There is no drift, a NaN or a misprint is forgotten with the last window that holds it, and the cost of a value does not
depend on n (van Herk 1992, for sums as well). `tsis.kernels.rolling_windows` does the same for many values at once.

Each function takes one value and returns the figure of the window that ends with it, NaN until there are n values and
where one of them is NaN. `state` is a flat array that begins as zeros; the part from `at` on belongs to the function.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

SUM_HEAD: Final = 3
"""``window_sum``, ``window_max`` and ``window_min`` take SUM_HEAD + n places."""


@jit
def window_sum(value: float, n: int, state: NDArray[np.float64], at: int) -> float:
    """Return the sum of the last `n` values. State: is full, place in the block, total of the block, ring."""
    place = int(state[at + 1])
    ring = at + SUM_HEAD
    total = state[at + 2] + value
    if place == n - 1:
        # the block is complete: its ends become what the ring holds
        state[ring + place] = value
        for j in range(ring + n - 2, ring - 1, -1):
            state[j] += state[j + 1]
        state[at], state[at + 1], state[at + 2] = 1.0, 0.0, 0.0
        return float(total)
    before = state[ring + place + 1]
    state[ring + place] = value
    state[at + 1], state[at + 2] = place + 1.0, total
    return float(total + before) if state[at] > 0.0 else np.nan


@jit
def window_max(value: float, n: int, state: NDArray[np.float64], at: int) -> float:
    """Return the largest of the last `n` values. State as of `window_sum`."""
    place = int(state[at + 1])
    ring = at + SUM_HEAD
    top = value if place == 0 or value > state[at + 2] or np.isnan(value) else state[at + 2]
    if place == n - 1:
        state[ring + place] = value
        for j in range(ring + n - 2, ring - 1, -1):
            if state[j + 1] > state[j] or np.isnan(state[j + 1]):
                state[j] = state[j + 1]
        state[at], state[at + 1] = 1.0, 0.0
        return float(top)
    before = state[ring + place + 1]
    state[ring + place] = value
    state[at + 1], state[at + 2] = place + 1.0, top
    if state[at] == 0.0:
        return np.nan
    return float(before if before > top or np.isnan(before) else top)


@jit
def window_min(value: float, n: int, state: NDArray[np.float64], at: int) -> float:
    """Return the smallest of the last `n` values. State as of `window_sum`."""
    return -window_max(-value, n, state, at)


def _run_sum(arrays: tuple[Array, ...], state: Rows) -> Rows:
    return np.array([window_sum(value, 20, state, 0) for value in arrays[0]])


def _run_max(arrays: tuple[Array, ...], state: Rows) -> Rows:
    return np.array([window_max(value, 20, state, 0) for value in arrays[0]])


def _run_min(arrays: tuple[Array, ...], state: Rows) -> Rows:
    return np.array([window_min(value, 20, state, 0) for value in arrays[0]])


WINDOW_SUM: Final = Fold(("log_return",), lambda: np.zeros(SUM_HEAD + 20), _run_sum)
WINDOW_MAX: Final = Fold(("log_return",), lambda: np.zeros(SUM_HEAD + 20), _run_max)
WINDOW_MIN: Final = Fold(("log_return",), lambda: np.zeros(SUM_HEAD + 20), _run_min)
