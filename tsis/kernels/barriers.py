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

    Parameters
    ----------
    open_, high, low, close : (n,) bars of one series.
    start, vertical, side, target : (m,) events; vertical may lie beyond the last bar; side +1 or -1.
    end, barrier, ret : (m,) written.
    """
    n = close.shape[0]
    for k in range(start.shape[0]):
        entry, sign = close[start[k]], np.float64(side[k])
        upper = pt * target[k] if pt > 0.0 else np.inf
        lower = -sl * target[k] if sl > 0.0 else -np.inf
        end[k], barrier[k], ret[k] = -1, OPEN, np.nan
        for i in range(start[k] + 1, min(vertical[k], n - 1) + 1):
            now = sign * (close[i] / entry - 1.0)
            best, worst = now, now
            if intrabar:
                best = sign * ((high[i] if sign > 0.0 else low[i]) / entry - 1.0)
                worst = sign * ((low[i] if sign > 0.0 else high[i]) / entry - 1.0)
            if worst < lower or best > upper or i == vertical[k]:
                opening = sign * (open_[i] / entry - 1.0)
                end[k] = i
                if worst < lower:
                    barrier[k] = STOP_LOSS
                    ret[k] = min(lower, opening) if intrabar else now
                elif best > upper:
                    barrier[k] = PROFIT_TAKING
                    ret[k] = max(upper, opening) if intrabar else now
                else:
                    barrier[k], ret[k] = VERTICAL, now
                break


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
