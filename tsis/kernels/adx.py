"""Directional movement (Wilder 1978)."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.core.stream import CLOSE, HIGH, LOW, N_STREAMS

_HEAD: Final = 10


def adx_size(period: int) -> int:
    """Return the length of the state of `adx_rows`."""
    return _HEAD + period - 1


@jit
def adx_rows(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    """Write +DI, -DI, DX, ADX and ADXR in five columns; the step of a bank.

    As TA-Lib begins them: sums of period - 1 moves, then Wilder's averages, then the mean of `period` DX. NaN until
    they are known; DX also where no price has moved, which leaves ADX as it is. A row with a missing price is NaN, and
    passed over. Wilder (1978).

    Parameters
    ----------
    params : the period.
    state : `adx_size`, zeros at first: bars so far, last high, low and close, smoothed moves up, down and range, number
        of DX so far, their average (a sum until there are enough), place in the ring, ring of averages.
    """
    period = params[0]
    weight, length = 1.0 / period, int(period) - 1
    seen, high_before, low_before, close_before = state[0], state[1], state[2], state[3]
    plus, minus, reach, n_dx, average, place = state[4], state[5], state[6], state[7], state[8], int(state[9])
    for i in range(first, stop):
        row, high, low, close = i - first, x[HIGH, i], x[LOW, i], x[CLOSE, i]
        for column in range(k, k + 5):
            out[row, column] = np.nan
        if np.isnan(high + low + close):
            continue
        if seen > 0.0:
            up, down = high - high_before, low_before - low
            true_range = max(high, close_before) - min(low, close_before)
            if seen >= period:
                plus -= plus * weight
                minus -= minus * weight
                reach -= reach * weight
            if down > 0.0 and up < down:
                minus += down
            elif up > 0.0 and up > down:
                plus += up
            reach += true_range
            if seen >= period:
                moves = plus + minus
                if reach > 0.0:
                    out[row, k] = 100.0 * (plus / reach)
                    out[row, k + 1] = 100.0 * (minus / reach)
                has_moved = reach > 0.0 and moves > 0.0
                dx = 100.0 * (abs(plus - minus) / moves) if has_moved else np.nan
                out[row, k + 2] = dx
                if n_dx < period:
                    n_dx += 1.0
                    average += dx if has_moved else 0.0
                    if n_dx == period:
                        average /= period
                elif has_moved:
                    average += (dx - average) * weight
                if n_dx == period:
                    out[row, k + 3] = average
                    if seen >= 3.0 * period - 2.0:
                        out[row, k + 4] = 0.5 * (average + state[_HEAD + place])
                    state[_HEAD + place] = average
                    place = place + 1 if place < length - 1 else 0
        seen += 1.0
        high_before, low_before, close_before = high, low, close
    state[0], state[1], state[2], state[3] = seen, high_before, low_before, close_before
    state[4], state[5], state[6], state[7], state[8], state[9] = plus, minus, reach, n_dx, average, place


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    x, out = np.full((N_STREAMS, arrays[0].size), np.nan), np.empty((arrays[0].size, 5))
    x[HIGH], x[LOW], x[CLOSE] = arrays
    adx_rows(x, 0, arrays[0].size, np.array([14.0]), state, out, 0)
    return out


ADX_ROWS: Final = Fold(("high", "low", "close"), lambda: np.zeros(adx_size(14)), _run)
