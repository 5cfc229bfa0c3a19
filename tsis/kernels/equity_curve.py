"""What an equity curve was, in one pass: moments of its returns, and its losses from a peak."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

Floats = npt.NDArray[np.float64]

N, LAST, SUM, SQUARES, CUBES, FOURTHS, N_LOSSES, SQUARED_LOSSES = range(8)
PEAK, MOST_DOWN, UNDER_WATER, LONGEST_UNDER_WATER, N_UNDER_WATER = range(8, 13)
CURVE_STATE: Final = 13
"""Sums of the powers of returns, of which the mean is small beside the standard deviation; losses as shares of PEAK,
and times under water in rows."""


def new_curve(start_equity: float) -> Floats:
    """Return the state of a curve before its first row; the start counts as a peak."""
    state = np.zeros(CURVE_STATE)
    state[[LAST, PEAK]] = start_equity
    return state


@jit
def equity_curve(equity: Floats, state: Floats, drawdown: Floats) -> None:
    """Fold the equity at the end of each row into `state`.

    Parameters
    ----------
    equity : (n,) a row whose equity is that of the row before has a return of 0. From an equity of 0 or below on, the
        return is 0 too: there was nothing to gain it on.
    state : changed in place; see `new_curve`.
    drawdown : (n,) for the loss from the highest equity so far, as a share of it, in [0, 1]; or (0,) for none.
    """
    last, peak, under, longest = state[LAST], state[PEAK], state[UNDER_WATER], state[LONGEST_UNDER_WATER]
    first, second, third, fourth = state[SUM], state[SQUARES], state[CUBES], state[FOURTHS]
    n_losses, losses, lowest, n_under = state[N_LOSSES], state[SQUARED_LOSSES], math.inf, state[N_UNDER_WATER]
    most, known = state[MOST_DOWN], under
    for i in range(equity.shape[0]):
        now = equity[i]
        if now != last:
            ret = (now - last) / last if last > 0.0 else 0.0
            square = ret * ret
            first += ret
            second += square
            third += square * ret
            fourth += square * square
            # without branches: as many returns are losses as are none, and no processor guesses which
            loss = min(ret, 0.0)
            losses += loss * loss
            n_losses += 1.0 if ret < 0.0 else 0.0
            last = now
        if now >= peak:
            if lowest < math.inf:
                most = max(most, min(1.0 - lowest / peak, 1.0))
            if under > 0.0:
                longest, n_under, known = max(longest, under), n_under + (under - known), 0.0
            peak, under, lowest = now, 0.0, math.inf
        else:
            under += 1.0
            lowest = min(lowest, now)
        if drawdown.shape[0] > 0:
            drawdown[i] = min(1.0 - now / peak, 1.0)
    if lowest < math.inf:
        most = max(most, min(1.0 - lowest / peak, 1.0))
    longest, n_under = max(longest, under), n_under + (under - known)
    state[N] += equity.shape[0]
    state[LAST], state[PEAK], state[MOST_DOWN] = last, peak, most
    state[SUM], state[SQUARES], state[CUBES], state[FOURTHS] = first, second, third, fourth
    state[N_LOSSES], state[SQUARED_LOSSES], state[N_UNDER_WATER] = n_losses, losses, n_under
    state[UNDER_WATER], state[LONGEST_UNDER_WATER] = under, longest


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    drawdown = np.empty(arrays[0].shape[0])
    equity_curve(arrays[0], state, drawdown)
    return drawdown


EQUITY_CURVE: Final = Fold(("price",), lambda: new_curve(400.0), _run)
