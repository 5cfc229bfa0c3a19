"""How far a value is from the mean of the last ones."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

_HEAD: Final = 6
_CANCELLED: Final = 1e-4


@jit
def z_score(
    x: NDArray[np.float64], mean_window: int, std_window: int, state: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write (value - rolling mean) / rolling standard deviation (ddof 1), windows with the value itself.

    NaN until both windows are full and where a window has no spread. A NaN value gives NaN and empties the windows.
    Sums are kept about an anchor near the values. They are taken anew once a turn of the ring, and at once where the
    spread is so small a part of what was summed that digits were lost: after a jump, or when an outlier has left.

    Parameters
    ----------
    state : from `initial_z_score`, changed in place: values since the start or the last NaN, anchor, sum over the
        mean's window, sum and sum of squares over the other, largest such sum of squares since the anchor; ring.
    """
    count, anchor, total, part, squares, peak = state[0], state[1], state[2], state[3], state[4], state[5]
    ring = state[_HEAD:]
    size = ring.shape[0]
    place = int(count) % size
    for i in range(x.shape[0]):
        value = x[i]
        out[i] = np.nan
        if np.isnan(value):
            count, place = 0.0, 0
            continue
        if count == 0.0:
            anchor, total, part, squares, peak = value, 0.0, 0.0, 0.0, 0.0
        if count >= mean_window:
            total -= ring[place - mean_window] - anchor
        if count >= std_window:
            gone = ring[place - std_window] - anchor
            part -= gone
            squares -= gone * gone
        ring[place] = value
        deviation = value - anchor
        total += deviation
        part += deviation
        squares += deviation * deviation
        peak = max(peak, squares)
        count += 1.0
        place += 1
        if place == size:
            place = 0
        spread = squares - part * part / std_window
        if place == 0 or (count >= std_window and spread < _CANCELLED * peak):
            anchor, deviation, total, part, squares = value, 0.0, 0.0, 0.0, 0.0
            for age in range(min(size, int(count))):
                old = ring[place - 1 - age] - anchor
                if age < mean_window:
                    total += old
                if age < std_window:
                    part += old
                    squares += old * old
            peak = squares
            spread = squares - part * part / std_window
        if count >= size and spread > 0.0:
            out[i] = (deviation - total / mean_window) / np.sqrt(spread / (std_window - 1))
    state[0], state[1], state[2], state[3], state[4], state[5] = count, anchor, total, part, squares, peak


def initial_z_score(mean_window: int, std_window: int) -> NDArray[np.float64]:
    """Return the state before the first value."""
    return np.zeros(_HEAD + max(mean_window, std_window))


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].size)
    z_score(arrays[0], 20, 30, state, out)
    return out[:, None]


Z_SCORE = Fold(inputs=("close",), initial_state=lambda: initial_z_score(20, 30), run=_run)
