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
    ring = state[at + ROLLING_HEAD : at + ROLLING_HEAD + n]
    missing = 0.0 if state[at] > 0.0 else np.nan
    place, total = int(state[at + 1]), state[at + 2]
    i, m = 0, values.shape[0]
    while i < m:
        count = min(n - 1 - place, m - i)
        given, written, ends = values[i : i + count], out[i : i + count], ring[place : place + count + 1]
        for j in range(count):
            value = given[j]
            total += value
            written[j] = total + ends[j + 1] + missing
            ends[j] = value
        i, place = i + count, place + count
        if i < m:  # the value that completes the block
            value = values[i]
            out[i] = total + value
            tail = 0.0
            ring[n - 1] = value
            for j in range(n - 1, -1, -1):
                tail += ring[j]
                ring[j] = tail
            i, place, total, missing = i + 1, 0, 0.0, 0.0
    state[at], state[at + 1], state[at + 2] = 0.0 if np.isnan(missing) else 1.0, place, total


@jit
def _larger(one: float, other: float) -> float:
    """Return the larger, NaN if one of them is; without a branch."""
    return one if not (one <= other or np.isnan(other)) else other


@jit
def _extremes(
    values: NDArray[np.float64], sign: float, n: int, state: NDArray[np.float64], at: int, out: NDArray[np.float64]
) -> None:
    # state as of `rolling_sum`; signs turned, the smallest is the largest
    ring = state[at + ROLLING_HEAD : at + ROLLING_HEAD + n]
    missing = 0.0 if state[at] > 0.0 else np.nan
    place = int(state[at + 1])
    top = state[at + 2] if place > 0 else -np.inf
    i, m = 0, values.shape[0]
    while i < m:
        count = min(n - 1 - place, m - i)
        given, written, ends = values[i : i + count], out[i : i + count], ring[place : place + count + 1]
        for j in range(count):
            value = sign * given[j]
            top = _larger(top, value)
            written[j] = sign * _larger(ends[j + 1], top) + missing
            ends[j] = value
        i, place = i + count, place + count
        if i < m:
            value = sign * values[i]
            out[i] = sign * _larger(top, value)
            tail = -np.inf
            ring[n - 1] = value
            for j in range(n - 1, -1, -1):
                tail = _larger(tail, ring[j])
                ring[j] = tail
            i, place, top, missing = i + 1, 0, -np.inf, 0.0
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
    begin = at + ROLLING_MOMENTS_HEAD
    ring, rest_ring = state[begin : begin + n], state[begin + n : begin + 2 * n]
    missing = 0.0 if state[at] > 0.0 else np.nan
    place, anchor, total, total2, before = (
        int(state[at + 1]),
        state[at + 2],
        state[at + 3],
        state[at + 4],
        state[at + 5],
    )
    i, m = 0, values.shape[0]
    while i < m:
        if place == 0:
            anchor, total, total2 = values[i], 0.0, 0.0
        count = min(n - 1 - place, m - i)
        given, ends, rests = (
            values[i : i + count],
            ring[place : place + count + 1],
            rest_ring[place : place + count + 1],
        )
        centre, spread = means[i : i + count], squares[i : i + count]
        for j in range(count):
            distance = given[j] - anchor
            total += distance
            total2 += distance * distance
            seen = place + j + 1.0
            mean = total / seen
            between = (before - anchor) + (ends[j + 1] - mean)
            part = between * ((n - seen) / n)
            centre[j] = anchor + (mean + part) + missing
            spread[j] = (total2 - total * mean) + rests[j + 1] + between * seen * part + missing
            ends[j] = given[j]
        i, place = i + count, place + count
        if i < m:
            before = values[i]
            distance = before - anchor
            total += distance
            total2 += distance * distance
            mean = total / n
            means[i], squares[i] = anchor + mean, total2 - total * mean
            total, total2 = 0.0, 0.0
            ring[n - 1] = before
            for j in range(n - 1, -1, -1):
                distance = ring[j] - before
                total += distance
                total2 += distance * distance
                mean = total / (n - j)
                ring[j], rest_ring[j] = mean, total2 - total * mean
            i, place, missing = i + 1, 0, 0.0
    state[at], state[at + 1] = 0.0 if np.isnan(missing) else 1.0, place
    if place == 0:
        anchor, total, total2 = 0.0, 0.0, 0.0
    state[at + 2], state[at + 3], state[at + 4], state[at + 5] = anchor, total, total2, before


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
