"""Sums, extremes and moments of the window that ends with each of many values: exact, and some ns a value.

The windows of `tsis.kernels.window`, taken block by block instead of value by value: a block of n values begins anew,
and a ring keeps what each end of the block before amounts to, so that nothing is ever subtracted. There is no drift,
and a NaN or a misprint is forgotten with the last window that holds it.

`values` (m,) are the next ones of a series, in whatever pieces; `out` (m,) takes their figures: NaN until there are n
values, and where one of them is NaN. `state` is flat and begins as zeros; the part from `at` on is the function's.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

ROLLING_HEAD: Final = 3
"""`rolling_sum`, `rolling_max` and `rolling_min` take ROLLING_HEAD + n places."""
ROLLING_MOMENTS_HEAD: Final = 6
"""`rolling_moments` takes ROLLING_MOMENTS_HEAD + 2 n places."""


@jit
def rolling_sum(
    values: NDArray[np.float64], n: int, state: NDArray[np.float64], at: int, out: NDArray[np.float64]
) -> None:
    """Write the sums of windows of `n` values; `out` may be `values`. State: is full, place, total, ring."""
    missing = 0.0 if state[at] > 0.0 else np.nan
    place, total, ring = int(state[at + 1]), state[at + 2], at + ROLLING_HEAD
    for i in range(values.shape[0]):
        value = values[i]
        total += value
        if place < n - 1:
            out[i] = total + state[ring + place + 1] + missing
            state[ring + place] = value
            place += 1
        else:  # the block is complete: its ends become what the ring holds
            out[i] = total
            state[ring + place] = value
            total = 0.0
            for j in range(ring + n - 1, ring - 1, -1):
                total += state[j]
                state[j] = total
            place, total, missing = 0, 0.0, 0.0
    state[at], state[at + 1], state[at + 2] = 0.0 if np.isnan(missing) else 1.0, place, total


@jit
def _extremes(
    values: NDArray[np.float64], sign: float, n: int, state: NDArray[np.float64], at: int, out: NDArray[np.float64]
) -> None:
    # state as of `rolling_sum`. With signs turned the smallest is the largest; a NaN is infinite until it is written,
    # so that comparing two values is one instruction
    missing = 0.0 if state[at] > 0.0 else np.nan
    place, ring = int(state[at + 1]), at + ROLLING_HEAD
    top = state[at + 2] if place > 0 else -np.inf
    for i in range(values.shape[0]):
        value = np.inf if np.isnan(values[i]) else sign * values[i]
        top = value if value > top else top
        if place < n - 1:
            before = state[ring + place + 1]
            largest = before if before > top else top
            out[i] = (sign * largest if largest < np.inf else np.nan) + missing
            state[ring + place] = value
            place += 1
        else:
            out[i] = sign * top if top < np.inf else np.nan
            state[ring + place] = value
            top = -np.inf
            for j in range(ring + n - 1, ring - 1, -1):
                top = state[j] if state[j] > top else top
                state[j] = top
            place, top, missing = 0, -np.inf, 0.0
    state[at], state[at + 1], state[at + 2] = 0.0 if np.isnan(missing) else 1.0, place, top if place > 0 else 0.0


@jit
def rolling_max(
    values: NDArray[np.float64], n: int, state: NDArray[np.float64], at: int, out: NDArray[np.float64]
) -> None:
    """Write the largest of windows of `n` values; `out` may be `values`. State as of `rolling_sum`."""
    _extremes(values, 1.0, n, state, at, out)


@jit
def rolling_min(
    values: NDArray[np.float64], n: int, state: NDArray[np.float64], at: int, out: NDArray[np.float64]
) -> None:
    """Write the smallest of windows of `n` values; `out` may be `values`. State as of `rolling_sum`."""
    _extremes(values, -1.0, n, state, at, out)


@jit
def rolling_moments(
    values: NDArray[np.float64],
    n: int,
    state: NDArray[np.float64],
    at: int,
    means: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> None:
    """Write mean and sum of squared deviations of windows of `n` values.

    Sums of distances from an anchor, the first value of this block and the last of the one before, joined by Chan's
    formula. Because an anchor is one of the values, no more than the n-th part of a sum is what the sums' difference
    leaves: the relative error is about n times that of one operation, however far from zero the values are.

    State: is full, place, anchor, sum and squares of the distances from it, the anchor before, ring of values or mean
    distances, ring of squares.
    """
    missing = 0.0 if state[at] > 0.0 else np.nan
    place, anchor, total, total2, before = (
        int(state[at + 1]),
        state[at + 2],
        state[at + 3],
        state[at + 4],
        state[at + 5],
    )
    ring, inverse = at + ROLLING_MOMENTS_HEAD, 1.0 / n
    for i in range(values.shape[0]):
        value = values[i]
        if place == 0:
            anchor, total, total2 = value, 0.0, 0.0
        distance = value - anchor
        total += distance
        total2 += distance * distance
        seen = place + 1.0
        mean = total / seen
        spread = total2 - total * mean
        if place < n - 1:
            between = (before - anchor) + (state[ring + place + 1] - mean)
            part = between * ((n - seen) * inverse)
            means[i] = anchor + (mean + part) + missing
            squares[i] = spread + state[ring + n + place + 1] + between * seen * part + missing
            state[ring + place] = value
            place += 1
        else:  # the block is complete: its ends become what the rings hold
            means[i], squares[i] = anchor + mean, spread
            before, total, total2 = value, 0.0, 0.0
            state[ring + place] = value
            for j in range(n - 1, -1, -1):
                distance = state[ring + j] - before
                total += distance
                total2 += distance * distance
                mean = total / (n - j)
                state[ring + j], state[ring + n + j] = mean, total2 - total * mean
            place, anchor, total, total2, missing = 0, 0.0, 0.0, 0.0, 0.0
    state[at], state[at + 1], state[at + 2] = 0.0 if np.isnan(missing) else 1.0, place, anchor
    state[at + 3], state[at + 4], state[at + 5] = total, total2, before


def _run_sum(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    rolling_sum(arrays[0], 20, state, 0, out)
    return out


def _run_max(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    rolling_max(arrays[0], 20, state, 0, out)
    return out


def _run_min(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    rolling_min(arrays[0], 20, state, 0, out)
    return out


def _run_moments(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty((2, arrays[0].shape[0]))
    rolling_moments(arrays[0], 20, state, 0, out[0], out[1])
    return out.T


ROLLING_SUM: Final = Fold(("log_return",), lambda: np.zeros(ROLLING_HEAD + 20), _run_sum)
ROLLING_MAX: Final = Fold(("log_return",), lambda: np.zeros(ROLLING_HEAD + 20), _run_max)
ROLLING_MIN: Final = Fold(("log_return",), lambda: np.zeros(ROLLING_HEAD + 20), _run_min)
ROLLING_MOMENTS: Final = Fold(("log_return",), lambda: np.zeros(ROLLING_MOMENTS_HEAD + 40), _run_moments)
