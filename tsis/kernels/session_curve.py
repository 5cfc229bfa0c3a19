"""The usual course of a day: what had been traded by the same time in each of the last sessions, on average.

Time runs from six hours before a session's open to a day after it, in places: one a minute in the first half hour, when
much is traded, one in ten minutes else, with straight lines between them. What a bar traded counts as spread evenly
from its open to its close, so that bars of any length can be compared.

The sum over the last n sessions is exact, place by place, as in `tsis.kernels.window`: those of this block of n so far,
and of the block before what its end amounts to. `state` is a flat array that begins as zeros; the part from `at` on
belongs to these functions: is full, sessions in the block, next place, the session's curve, sum of the block, ring.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

_EARLIEST, _COARSE, _FINE, _LATEST = -360.0, 10.0, 30.0, 1_440.0  # minutes since the open
_OPEN_AT: Final = 36.0
_FINE_UNTIL: Final = 66.0
PLACES: Final = 208
CURVE_HEAD: Final = 3
"""The functions take CURVE_HEAD + (2 + n) PLACES places."""


@jit
def _minutes(place: float) -> float:
    if place < _OPEN_AT:
        return _EARLIEST + _COARSE * place
    if place < _FINE_UNTIL:
        return place - _OPEN_AT
    return _FINE + _COARSE * (place - _FINE_UNTIL)


@jit
def _place(minutes: float) -> float:
    if minutes < 0.0:
        return max(minutes - _EARLIEST, 0.0) / _COARSE
    if minutes < _FINE:
        return _OPEN_AT + minutes
    return _FINE_UNTIL + (min(minutes, _LATEST) - _FINE) / _COARSE


@jit
def extend_curve(
    opened: float, closed: float, before: float, after: float, state: NDArray[np.float64], at: int
) -> None:
    """Take a bar from `opened` to `closed`, minutes since the session's open, in which the total grew to `after`."""
    place = int(state[at + 2])
    curve = at + CURVE_HEAD
    slope = (after - before) / (closed - opened) if closed > opened else 0.0
    while place < PLACES:
        minutes = _minutes(place)
        if not minutes <= closed:
            break
        state[curve + place] = before + slope * max(minutes - opened, 0.0)
        place += 1
    state[at + 2] = place


@jit
def end_curve(total: float, n: int, state: NDArray[np.float64], at: int) -> None:
    """End the session with `total` and begin the next one; only the last `n` sessions that have ended count."""
    place = int(state[at + 1])
    curve, block = at + CURVE_HEAD, at + CURVE_HEAD + PLACES
    ring = block + PLACES
    known = int(state[at + 2])
    for j in range(PLACES):
        so_far = state[curve + j] if j < known else total
        state[block + j] += so_far
        state[ring + place * PLACES + j] = so_far
    place += 1
    if place == n:
        for j in range(ring + (n - 1) * PLACES - 1, ring - 1, -1):
            state[j] += state[j + PLACES]
        for j in range(PLACES):
            state[block + j] = 0.0
        state[at], place = 1.0, 0
    state[at + 1], state[at + 2] = place, 0.0


@jit
def usual_total(minutes: float, n: int, state: NDArray[np.float64], at: int) -> float:
    """Return the mean over the last `n` sessions of their total `minutes` after the open; NaN until there are `n`."""
    if state[at] == 0.0 or np.isnan(minutes):
        return np.nan
    block = at + CURVE_HEAD + PLACES
    ring = block + PLACES + int(state[at + 1]) * PLACES
    place = _place(minutes)
    j = int(place)
    low = state[block + j] + state[ring + j]
    if j == PLACES - 1:
        return float(low / n)
    high = state[block + j + 1] + state[ring + j + 1]
    return float((low + (high - low) * (place - j)) / n)


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    # a session every ten bars, of two minutes each
    rows = np.empty(arrays[0].shape[0])
    for i, volume in enumerate(arrays[0]):
        n_bars, total = state[0], state[1]
        if n_bars == 10.0:
            end_curve(total, 5, state, 2)
            n_bars, total = 0.0, 0.0
        opened = 2.0 * n_bars - 4.0
        extend_curve(opened, opened + 2.0, total, total + volume, state, 2)
        state[0], state[1] = n_bars + 1.0, total + volume
        rows[i] = usual_total(opened + 2.0, 5, state, 2)
    return rows


SESSION_CURVE: Final = Fold(("volume",), lambda: np.zeros(2 + CURVE_HEAD + 7 * PLACES), _run)
