"""The line through the last n values, exact: nothing of a value is left once it has gone.

As in `tsis.kernels.window` the values come in blocks of n, and a window is the end of one and the beginning of the
next: sums of the one lie in a ring, those of the other grow, nothing is subtracted. All are of distances to a value
that lies in the window as long as they are used, so that neither the level of the values nor one that has gone costs
digits.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

REGRESSION_HEAD: Final = 7
"""``regression_rows`` takes REGRESSION_HEAD + 3 n places."""
_ON_A_LINE: Final = 1e-12
"""A smaller share of the variance beside the line is rounding."""


@jit
def regression_rows(out: Array, column: int, n: int, state: Array, at: int) -> None:
    """Replace each value of a column of `out` by the slope of the line through the last `n`; the next is its t-value.

    Least squares over 0, 1, …, n - 1. NaN for the first n - 1 and where one of the values is NaN; the t-value (slope
    over its standard error, n - 2 degrees of freedom) also where all values lie on a line. State, zeros at first: is
    full, place in the block, its first value, sums of the distances to it (themselves, times place, squared), last
    value of the block before, three rings of such sums over the ends of that.
    """
    is_full, place = state[at] > 0.0, int(state[at + 1])
    base, s0, s1, s2, last = state[at + 2], state[at + 3], state[at + 4], state[at + 5], state[at + 6]
    ring = at + REGRESSION_HEAD
    width = n * (n * n - 1.0) / 12.0
    per_width, per_n, freedom = 1.0 / width, 1.0 / n, (n - 2.0) * width
    for r in range(out.shape[0]):
        value = out[r, column]
        if place == 0:
            base = value
        distance = value - base
        s0 += distance
        s1 += distance * place
        s2 += distance * distance
        t0, t1, t2 = s0, s1, s2
        state[ring + place] = value
        place += 1
        if place < n:
            rest, shift, end = float(n - place), last - base, ring + place
            q0 = state[end]
            t0 += q0 + rest * shift
            t1 += state[end + n] - shift * (0.5 * rest * (rest + 1.0))
            t2 += state[end + 2 * n] + shift * (2.0 * q0 + rest * shift)
        # places count from the block's beginning: their mean is (n - 1) / 2 before the newest
        across = t1 - (place - 1.0 - 0.5 * (n - 1.0)) * t0
        total = t2 - t0 * t0 * per_n
        slope = across * per_width
        beside = total - slope * across
        is_known = is_full or place == n
        out[r, column] = slope if is_known else np.nan
        out[r, column + 1] = slope / np.sqrt(beside / freedom) if is_known and beside > _ON_A_LINE * total else np.nan
        if place == n:
            last, s0, s1, s2 = value, 0.0, 0.0, 0.0
            for j in range(n - 1, -1, -1):
                distance = state[ring + j] - last
                s0 += distance
                s1 += distance * (j - n)
                s2 += distance * distance
                state[ring + j], state[ring + n + j], state[ring + 2 * n + j] = s0, s1, s2
            is_full, place, s0, s1, s2 = True, 0, 0.0, 0.0, 0.0
    state[at], state[at + 1], state[at + 2] = 1.0 if is_full else 0.0, place, base
    state[at + 3], state[at + 4], state[at + 5], state[at + 6] = s0, s1, s2, last


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.column_stack([arrays[0], arrays[0]])
    regression_rows(out, 0, 20, state, 0)
    return out


REGRESSION_ROWS: Final = Fold(("log_return",), lambda: np.zeros(REGRESSION_HEAD + 60), _run)
