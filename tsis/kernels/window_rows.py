"""Means and extremes over the last n rows of a column, in its place: many rows a call, exact, nothing of a row is left.

The algorithm is that of `tsis.kernels.window`; with the rows in one call what it remembers stays in registers. A window
with a NaN is NaN, and so are the first n - 1. `state` begins as zeros; the part from `at` on belongs to the function.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

ROWS_HEAD: Final = 4
"""``mean_rows`` and ``max_rows`` take ROWS_HEAD + n places."""


@jit
def mean_rows(out: Array, column: int, n: int, state: Array, at: int) -> None:
    """Replace each value of a column of `out` by the mean of the last `n`.

    State: is full, place in the block, total of the block, ring with what the ends of the block before amount to, zero.
    """
    place, total = int(state[at + 1]), state[at + 2]
    missing = 0.0 if state[at] > 0.0 else np.nan
    ring = at + ROWS_HEAD - 1
    row, rows = 0, out.shape[0]
    while row < rows:
        end = min(rows, row + n - place)
        for r in range(row, end):
            value = out[r, column]
            total += value
            out[r, column] = (total + state[ring + place + 1] + missing) / n
            state[ring + place] = value
            place += 1
        row = end
        if place == n:
            out[row - 1, column] = total / n
            total = 0.0
            for j in range(ring + n - 1, ring - 1, -1):
                total += state[j]
                state[j] = total
            place, total, missing = 0, 0.0, 0.0
    state[at] = 0.0 if np.isnan(missing) else 1.0
    state[at + 1], state[at + 2] = place, total


@jit
def max_rows(out: Array, column: int, n: int, state: Array, at: int) -> None:
    """Replace each value of a column of `out` by the largest of the last `n`; for the smallest, negate them first.

    State: values since the last NaN, place in the block, largest of the block, ring with the largest of each end of the
    block before, and one that is less than all.
    """
    clean, place, top = state[at], int(state[at + 1]), state[at + 2]
    ring = at + ROWS_HEAD - 1
    row, rows = 0, out.shape[0]
    while row < rows:
        end = min(rows, row + n - place)
        if place == 0:
            top, state[ring + n] = -np.inf, -np.inf
        for r in range(row, end):
            value = out[r, column]
            before = state[ring + place + 1]
            state[ring + place] = value
            place += 1
            # a NaN is not larger
            top = value if value > top else top
            clean = 0.0 if np.isnan(value) else clean + 1.0
            most = before if before > top else top
            out[r, column] = most if clean >= n else np.nan
        row = end
        if place == n:
            top = -np.inf
            for j in range(ring + n - 1, ring - 1, -1):
                top = state[j] if state[j] > top else top
                state[j] = top
            place = 0
    state[at], state[at + 1], state[at + 2] = clean, place, top


@jit
def short_mean_rows(out: Array, source: int, column: int, n: int, state: Array, at: int) -> None:
    """Write the mean of the last `n` values of a column to another one: for a few values, which it adds anew.

    State (1 + n places): values so far up to n, the last n - 1 of them.
    """
    rows, tail = out.shape[0], at + 1
    missing = n - 1 - int(state[at])
    for r in range(rows):
        total = 0.0
        for place in range(r - n + 1, r + 1):
            total += out[place, source] if place >= 0 else state[tail + place + n - 1]
        out[r, column] = total / n if r >= missing else np.nan
    for j in range(n - 1):
        place = rows - n + 1 + j
        state[tail + j] = out[place, source] if place >= 0 else state[tail + place + n - 1]
    state[at] = min(state[at] + rows, float(n))


def _run_mean(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = arrays[0].reshape(-1, 1).copy()
    mean_rows(out, 0, 20, state, 0)
    return out


def _run_max(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = arrays[0].reshape(-1, 1).copy()
    max_rows(out, 0, 20, state, 0)
    return out


def _run_short_mean(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.column_stack([arrays[0], arrays[0]])
    short_mean_rows(out, 0, 1, 3, state, 0)
    return out[:, 1]


MEAN_ROWS: Final = Fold(("log_return",), lambda: np.zeros(ROWS_HEAD + 20), _run_mean)
MAX_ROWS: Final = Fold(("log_return",), lambda: np.zeros(ROWS_HEAD + 20), _run_max)
SHORT_MEAN_ROWS: Final = Fold(("log_return",), lambda: np.zeros(4), _run_short_mean)
