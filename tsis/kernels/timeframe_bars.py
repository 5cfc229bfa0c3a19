"""Bars of a higher timeframe, made of a series' own bars, one row at a time.

A bar of an intraday timeframe takes the rows that close in its interval, which begins at a multiple of its length since
1970 UTC: (end - length, end]. A bar of a day takes the rows that close after the session's open and open before its
close; rows outside of these hours are in no day. A row at the end, or one that reaches over the end of a day, completes
the bar; otherwise the first row beyond the end does, which is not in it: until then nobody could know that no more rows
would come. Of several rows at the end of a bar the first completes it; the others are in the next interval, and in no
day. Intervals without rows have no bar.

A row may reach back over the beginning of an interval (information bars do), but one that takes longer than the whole
timeframe is left out of all its bars. So a daily bar is no part of an hourly one, and where a series' own
bars are as long as the timeframe, its bars are the timeframe's.

State, from `at` on (`TIMEFRAME_STATE` places, zeros at first): whether a bar is in the making, its end, open, high,
low, close, volume, and whether its last row closed in the hours of a session (NaN where they are not known).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.core.stream import (
    CLOSE,
    HIGH,
    LOW,
    N_STREAMS,
    OPEN,
    SESSION_CLOSE,
    SESSION_OPEN,
    TS_CLOSE,
    TS_OPEN,
    VOLUME,
)

DAY_US: Final = 86_400_000_000
TIMEFRAME_STATE: Final = 8
MAKING, END, BAR_OPEN, BAR_HIGH, BAR_LOW, BAR_CLOSE, BAR_VOLUME, IN_SESSION = range(TIMEFRAME_STATE)


@jit
def fits(x: NDArray[np.float64], i: int, length_us: float) -> bool:
    """Tell whether row `i` takes no longer than the timeframe; `length_us` is 0 for sessions, of a day or more."""
    limit = length_us
    if length_us == 0.0:
        limit = max(x[SESSION_CLOSE, i] - x[SESSION_OPEN, i], float(DAY_US))
    return not x[TS_CLOSE, i] - x[TS_OPEN, i] > limit


@jit
def completes(
    x: NDArray[np.float64], i: int, is_taken: bool, length_us: float, state: NDArray[np.float64], at: int
) -> bool:
    """Tell whether row `i` completes the bar in the making: first without the row, then, once it is taken, with it.

    Call it with `is_taken` false, then with true if the row fits; who is told so uses the bar and sets `MAKING` to zero
    before going on. `length_us` is that of the timeframe, 0 for sessions.
    """
    now, since, opens, ends = x[TS_CLOSE, i], x[TS_OPEN, i], x[SESSION_OPEN, i], x[SESSION_CLOSE, i]
    is_making, end = state[at + MAKING] > 0.0, state[at + END]
    is_day = length_us == 0.0
    if not is_taken:
        return bool(is_making and now > end and not (is_day and ends == end and since < end))
    if is_day:
        if not (opens < now and since < ends and (is_making or ends > end)):
            return False
        is_within = True
    else:
        is_within = opens < now <= ends
        if not is_making:
            ends = np.ceil(now / length_us) * length_us
            if ends <= end:
                ends = end + length_us
    high, low, volume = x[HIGH, i], x[LOW, i], x[VOLUME, i]
    if is_making:
        high, low = max(high, state[at + BAR_HIGH]), min(low, state[at + BAR_LOW])
        volume += state[at + BAR_VOLUME]
    else:
        end = ends
        state[at + MAKING], state[at + END], state[at + BAR_OPEN] = 1.0, end, x[OPEN, i]
    state[at + BAR_HIGH], state[at + BAR_LOW], state[at + BAR_VOLUME] = high, low, volume
    state[at + BAR_CLOSE] = x[CLOSE, i]
    state[at + IN_SESSION] = 1.0 if is_within else 0.0 if opens > 0.0 else np.nan
    return bool(now >= end)


@jit
def timeframe_bars(
    x: NDArray[np.float64], length_us: float, state: NDArray[np.float64], out: NDArray[np.float64]
) -> int:
    """Write the bars that the rows of `x` complete, and return how many: row, end, open, high, low, close, volume.

    Parameters
    ----------
    x : (`N_STREAMS`, n) rows of `tsis.core.stream`.
    length_us : of the timeframe; 0 for sessions.
    state : (`TIMEFRAME_STATE`,)
    out : (2 n, 7) at least.
    """
    n = 0
    for i in range(x.shape[1]):
        for is_taken in (False, True):
            if (not is_taken or fits(x, i, length_us)) and completes(x, i, is_taken, length_us, state, 0):
                out[n, 0] = i
                out[n, 1:] = state[END : BAR_VOLUME + 1]
                n += 1
                state[MAKING] = 0.0
    return n


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    x = np.full((N_STREAMS, arrays[0].size), np.nan)
    for stream, values in zip((TS_CLOSE, OPEN, HIGH, LOW, CLOSE, VOLUME), arrays, strict=True):
        x[stream] = values
    x[TS_OPEN] = x[TS_CLOSE] - 1.0
    out = np.empty((2 * arrays[0].size, 7))
    return out[: timeframe_bars(x, 300e6, state, out), 1:]


TIMEFRAME_BARS: Final = Fold(
    ("ts_us", "open", "high", "low", "close", "volume"), lambda: np.zeros(TIMEFRAME_STATE), _run
)
