"""The line through the last n values, exact: nothing of a value is left once it has gone.

As in `tsis.kernels.rolling_windows` the values come in blocks of n, and a window is the end of one and the beginning of
the next: sums of the one lie in rings, those of the other grow, nothing is subtracted. All are of distances to a value
that lies in the window as long as they are used, so that neither the level of the values nor one that has gone costs
digits.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

REGRESSION_HEAD: Final = 10
"""``rolling_line`` takes REGRESSION_HEAD + 3 n places."""
_ON_A_LINE: Final = 1e-12
"""A smaller share of the variance beside the line is rounding."""
_ONE: Final = np.uint64(1)


@jit
def rolling_line(values: Array, n: int, state: Array, at: int, slopes: Array, t_values: Array) -> None:
    """Write the slope of the line through the last `n` values, and its t-value.

    Least squares over 0, 1, …, n - 1. NaN for the first n - 1 and where one of the values is NaN; the t-value (slope
    over its standard error, n - 2 degrees of freedom) also where all values lie on a line.

    Parameters
    ----------
    values, slopes, t_values : (m,) three arrays.
    state : zeros at first: is full, place in the block, its first value, sums of the distances to it (themselves, times
        place, squared), last value of the block before, three rings of such sums over the ends of that, each with a
        zero behind it.
    """
    missing, place, base = 0.0 if state[at] > 0.0 else np.nan, int(state[at + 1]), state[at + 2]
    s0, s1, s2, last = state[at + 3], state[at + 4], state[at + 5], state[at + 6]
    ring, size = at + REGRESSION_HEAD - 3, np.uint64(n + 1)
    width = n * (n * n - 1.0) / 12.0
    per_width, per_n, freedom = 1.0 / width, 1.0 / n, (n - 2.0) * width
    half, begin, m = 0.5 * (n - 1.0), 0, values.shape[0]
    while begin < m:
        if place == 0:
            base = values[begin]
        end = min(m, begin + n - place)
        here, newest, shift = np.uint64(ring + place), float(place), last - base
        for i in range(np.uint64(begin), np.uint64(end)):
            value = values[i]
            distance = value - base
            s0 += distance
            s1 += distance * newest
            s2 += distance * distance
            here += _ONE
            rest, part = n - 1.0 - newest, state[here]
            moved = part + rest * shift
            total = s0 + moved
            weighted = s1 + (state[here + size] - shift * (0.5 * rest * (rest + 1.0)))
            squares = s2 + (state[here + size + size] + shift * (part + moved))
            if rest == 0.0:
                # the last of a block has nothing of the one before
                total, weighted, squares, missing = s0, s1, s2, 0.0
            # places count from the block's beginning: their mean is (n - 1) / 2 before the newest
            across = weighted - (newest - half) * total
            variance = squares - total * total * per_n
            slope = across * per_width
            beside = variance - slope * across
            slopes[i] = slope + missing
            is_known = beside > _ON_A_LINE * variance
            t_values[i] = slope * np.sqrt(freedom / beside) + missing if is_known else np.nan
            state[here - _ONE] = value
            newest += 1.0
        place += end - begin
        begin = end
        if place == n:
            last, s0, s1, s2, age = values[end - 1], 0.0, 0.0, 0.0, 0.0
            for _ in range(n):
                here -= _ONE
                age -= 1.0
                distance = state[here] - last
                s0 += distance
                s1 += distance * age
                s2 += distance * distance
                state[here], state[here + size], state[here + size + size] = s0, s1, s2
            place, s0, s1, s2 = 0, 0.0, 0.0, 0.0
    state[at], state[at + 1], state[at + 2] = 0.0 if np.isnan(missing) else 1.0, place, base
    state[at + 3], state[at + 4], state[at + 5], state[at + 6] = s0, s1, s2, last


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty((2, arrays[0].shape[0]))
    rolling_line(arrays[0], 20, state, 0, out[0], out[1])
    return out.T


ROLLING_LINE: Final = Fold(("log_return",), lambda: np.zeros(REGRESSION_HEAD + 60), _run)
