"""Which barrier a price path reaches first."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows

OPEN: Final = 0
PROFIT_TAKING: Final = 1
STOP_LOSS: Final = 2
VERTICAL: Final = 3

_BLOCK: Final = 512
_MARGIN: Final = 1e-12
"""The scan compares prices; the barriers are returns. Where the two may round apart, the return decides."""


@jit
def first_touch(
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    start: NDArray[np.int64],
    vertical: NDArray[np.int64],
    side: NDArray[np.int8],
    target: NDArray[np.float64],
    pt: float,
    sl: float,
    intrabar: bool,
    end: NDArray[np.int64],
    barrier: NDArray[np.int8],
    ret: NDArray[np.float64],
) -> None:
    """Write for each event the bar that ends it, the barrier and the return of its side.

    The position opens at the close of bar `start`. It takes profit when its return exceeds pt * target and stops when
    that falls below -sl * target, strictly (AFML snippet 3.2); 0 turns a barrier off. On closes, the return is that of
    the touching close. With `intrabar`, highs and lows touch, the stop is taken to be first where both do in one
    bar, and the return is the barrier's, or the open's where the bar opens beyond it. At the bar `vertical` the
    position ends at the close. An event that the data do not end is `OPEN`, with end -1 and NaN.

    Blocks of bars that stay within the barriers are skipped whole, so that an event costs O(n / block + block) at most.

    Parameters
    ----------
    open_, high, low, close : (n,) bars of one series.
    start, vertical, side, target : (m,) events; vertical after start, maybe beyond the last bar; side +1 or -1.
    end, barrier, ret : (m,) written.
    """
    n = close.shape[0]
    longest = 0
    for k in range(start.shape[0]):
        longest = max(longest, min(vertical[k], n - 1) - start[k])
    n_blocks = n // _BLOCK if longest > 2 * _BLOCK else 0
    tops, bottoms = _extremes(high, low, n_blocks) if intrabar else _extremes(close, close, n_blocks)
    for k in range(start.shape[0]):
        entry, sign = close[start[k]], np.float64(side[k])
        upper = pt * target[k] if pt > 0.0 else np.inf
        lower = -sl * target[k] if sl > 0.0 else -np.inf
        one, other = entry * (1.0 + sign * upper), entry * (1.0 + sign * lower)
        ceiling, floor = max(one, other) * (1.0 - _MARGIN), min(one, other) * (1.0 + _MARGIN)
        end[k], barrier[k], ret[k] = -1, OPEN, np.nan
        last = min(vertical[k], n - 1)
        i = start[k] + 1
        while i <= last:
            if intrabar:
                i = _next_outside(high, low, tops, bottoms, i, last, floor, ceiling)
            else:
                i = _next_outside(close, close, tops, bottoms, i, last, floor, ceiling)
            if i > last:
                break
            now = sign * (close[i] / entry - 1.0)
            best, worst = now, now
            if intrabar:
                best = sign * ((high[i] if sign > 0.0 else low[i]) / entry - 1.0)
                worst = sign * ((low[i] if sign > 0.0 else high[i]) / entry - 1.0)
            if worst < lower or best > upper:
                opening = sign * (open_[i] / entry - 1.0)
                end[k] = i
                if worst < lower:
                    barrier[k] = STOP_LOSS
                    ret[k] = min(lower, opening) if intrabar else now
                else:
                    barrier[k] = PROFIT_TAKING
                    ret[k] = max(upper, opening) if intrabar else now
                break
            i += 1
        if end[k] < 0 and vertical[k] < n:
            end[k], barrier[k], ret[k] = vertical[k], VERTICAL, sign * (close[vertical[k]] / entry - 1.0)


@jit
def _extremes(
    high: NDArray[np.float64], low: NDArray[np.float64], n_blocks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    tops, bottoms = np.empty(n_blocks), np.empty(n_blocks)
    for block in range(n_blocks):
        top, bottom = -np.inf, np.inf
        for i in range(block * _BLOCK, (block + 1) * _BLOCK):
            top, bottom = max(top, high[i]), min(bottom, low[i])
        tops[block], bottoms[block] = top, bottom
    return tops, bottoms


@jit
def _next_outside(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    tops: NDArray[np.float64],
    bottoms: NDArray[np.float64],
    i: int,
    last: int,
    floor: float,
    ceiling: float,
) -> int:
    """Return the first bar of [i, last] that is not within (floor, ceiling), or last + 1."""
    while i <= last:
        block = i // _BLOCK
        stop = min(last + 1, (block + 1) * _BLOCK)
        is_within = block < tops.shape[0] and tops[block] < ceiling and bottoms[block] > floor
        if not is_within:
            while i < stop and high[i] < ceiling and low[i] > floor:
                i += 1
            if i < stop:
                return i
        i = stop
    return last + 1


def _batch(intrabar: bool) -> Batch:
    def run(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
        open_, high, low, close, side, target = arrays
        start = np.flatnonzero((side != 0) & (target > 0.0))
        end, barrier, ret = np.empty_like(start), np.empty(start.size, dtype=np.int8), np.empty(start.size)
        side, target = side[start], target[start]
        first_touch(open_, high, low, close, start, start + 20, side, target, 3.0, 2.0, intrabar, end, barrier, ret)
        ended = barrier != OPEN
        return np.column_stack((start, end, barrier, ret))[ended], end[ended]

    return Batch(("open", "high", "low", "close", "side", "target"), run)


FIRST_TOUCH_OF_CLOSES: Final = _batch(intrabar=False)
FIRST_TOUCH_INTRABAR: Final = _batch(intrabar=True)
