"""Sums, extremes and moments of the window that ends with each of many values: exact, and some ns a value.

The windows of `tsis.kernels.window`, taken block by block instead of value by value: a block of n values begins anew,
and a ring keeps what each end of the block before amounts to, so that nothing is ever subtracted. There is no drift,
and a NaN or a misprint is forgotten with the last window that holds it.

`values` (m,) are the next ones of a series, in whatever pieces; `out` (m,), another array, takes their figures: NaN
until there are n values, and where one of them is NaN. `state` is flat and begins as zeros; the part from `at` on is
the function's.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

ROLLING_HEAD: Final = 4
"""`rolling_sum` and `rolling_extremes` take ROLLING_HEAD + n places."""
ROLLING_MOMENTS_HEAD: Final = 8
"""`rolling_moments` takes ROLLING_MOMENTS_HEAD + 2 n places."""
_ONE: Final = np.uint64(1)
"""Places without a sign spare the question whether they count from the end, two instructions each."""


@jit
def rolling_sum(values: Array, n: int, state: Array, at: int, out: Array) -> None:
    """Write the sums of windows of `n` values. State: is full, place, total of the block, ring, zero."""
    missing = 0.0 if state[at] > 0.0 else np.nan
    place, total, ring = int(state[at + 1]), state[at + 2], at + ROLLING_HEAD - 1
    begin, m = 0, values.shape[0]
    while begin < m:
        end = min(m, begin + n - place)
        here = np.uint64(ring + place)
        for i in range(np.uint64(begin), np.uint64(end)):
            value = values[i]
            total += value
            out[i] = total + state[here + _ONE] + missing
            state[here] = value
            here += _ONE
        place += end - begin
        begin = end
        if place == n:
            # the block is complete: its last sum has nothing of the one before, its ends become what the ring holds
            out[end - 1] = total
            total = 0.0
            for _ in range(n):
                here -= _ONE
                total += state[here]
                state[here] = total
            place, total, missing = 0, 0.0, 0.0
    state[at], state[at + 1], state[at + 2] = 0.0 if np.isnan(missing) else 1.0, place, total


@jit
def rolling_extremes(values: Array, sign: float, n: int, state: Array, at: int, out: Array) -> None:
    """Write the largest (`sign` 1) or the smallest (`sign` -1) of windows of `n` values.

    State as of `rolling_sum`, with minus infinity for zero. With signs turned the smallest is the largest; a NaN, and
    what comes before the first value, is infinite until it is written, so that comparing two is one instruction.
    """
    is_full, place, top, ring = state[at] > 0.0, int(state[at + 1]), state[at + 2], at + ROLLING_HEAD - 1
    begin, m = 0, values.shape[0]
    while begin < m:
        if place == 0:
            top, state[ring + n] = -np.inf if is_full else np.inf, -np.inf
        end = min(m, begin + n - place)
        here = np.uint64(ring + place)
        for i in range(np.uint64(begin), np.uint64(end)):
            value = np.inf if np.isnan(values[i]) else sign * values[i]
            before = state[here + _ONE]
            top = value if value > top else top
            largest = before if before > top else top
            out[i] = sign * largest if largest < np.inf else np.nan
            state[here] = value
            here += _ONE
        place += end - begin
        begin = end
        if place == n:
            # the block is complete: its ends become what the ring holds
            top = -np.inf
            for _ in range(n):
                here -= _ONE
                top = state[here] if state[here] > top else top
                state[here] = top
            out[end - 1] = sign * top if top < np.inf else np.nan
            is_full, place = True, 0
    state[at], state[at + 1], state[at + 2] = 1.0 if is_full else 0.0, place, top if place > 0 else 0.0


@jit
def rolling_moments(values: Array, n: int, state: Array, at: int, means: Array, squares: Array) -> None:
    """Write mean and sum of squared deviations of windows of `n` values.

    Sums of distances from an anchor, and of their squares: of this block from its first value; of the end of the block
    before from its last one, and then moved. As both anchors are values of the window, these squares are no more than
    n + 1 times those around the mean: the relative error is about n times that of one operation, however far from zero
    the values are.

    State: is full, place, anchor, sum and squares of the distances from it, the anchor before, two rings of such sums
    over the ends of its block, each with a zero behind it.
    """
    is_full = state[at] > 0.0
    place, anchor, total, total2 = int(state[at + 1]), state[at + 2], state[at + 3], state[at + 4]
    before, ring, size = state[at + 5], at + ROLLING_MOMENTS_HEAD - 2, np.uint64(n + 1)
    begin, m, share = 0, values.shape[0], 1.0 / n
    while begin < m:
        if place == 0:
            anchor, total, total2 = values[begin], 0.0, 0.0
        end = min(m, begin + n - place)
        here, rest, shift = np.uint64(ring + place), float(n - place), before - anchor
        for i in range(np.uint64(begin), np.uint64(end)):
            value = values[i]
            distance = value - anchor
            total += distance
            total2 += distance * distance
            here += _ONE
            rest -= 1.0
            part = state[here]
            moved = part + rest * shift
            both = total + moved
            mean = both * share
            square = total2 + (state[here + size] + shift * (part + moved)) - both * mean
            means[i], squares[i] = anchor + mean, square if square > 0.0 else 0.0 * square
            state[here - _ONE] = value
        if not is_full:
            for i in range(begin, end):
                means[i], squares[i] = np.nan, np.nan
        place += end - begin
        begin = end
        if place == n:
            # its last figures have nothing of the block before
            mean, square = total * share, total2 - total * (total * share)
            means[end - 1], squares[end - 1] = anchor + mean, square if square > 0.0 else 0.0 * square
            before, total, total2 = values[end - 1], 0.0, 0.0
            for _ in range(n):
                here -= _ONE
                distance = state[here] - before
                total += distance
                total2 += distance * distance
                state[here], state[here + size] = total, total2
            is_full, place, anchor, total, total2 = True, 0, 0.0, 0.0, 0.0
    state[at], state[at + 1], state[at + 2] = 1.0 if is_full else 0.0, place, anchor
    state[at + 3], state[at + 4], state[at + 5] = total, total2, before


def _run_sum(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    rolling_sum(arrays[0], 20, state, 0, out)
    return out


def _run_max(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    rolling_extremes(arrays[0], 1.0, 20, state, 0, out)
    return out


def _run_min(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    rolling_extremes(arrays[0], -1.0, 20, state, 0, out)
    return out


def _run_moments(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty((2, arrays[0].shape[0]))
    rolling_moments(arrays[0], 20, state, 0, out[0], out[1])
    return out.T


ROLLING_SUM: Final = Fold(("log_return",), lambda: np.zeros(ROLLING_HEAD + 20), _run_sum)
ROLLING_MAX: Final = Fold(("log_return",), lambda: np.zeros(ROLLING_HEAD + 20), _run_max)
ROLLING_MIN: Final = Fold(("log_return",), lambda: np.zeros(ROLLING_HEAD + 20), _run_min)
ROLLING_MOMENTS: Final = Fold(("log_return",), lambda: np.zeros(ROLLING_MOMENTS_HEAD + 40), _run_moments)
