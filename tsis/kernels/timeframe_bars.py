"""Bars of a higher timeframe, made of a series' own bars, one row at a time.

A bar of an intraday timeframe takes the rows that close in its interval, which begins at a multiple of its length since
1970 UTC: (end - length, end]. A bar of a day takes the rows that close after the session's open and open before its
close; rows outside of these hours are in no day. A row at the end, or one that reaches over the end of a day, completes
the bar; otherwise the first row beyond the end does, which is not in it: until then nobody could know that no more rows
would come. Of several rows at the end of a bar the first completes it; the others are in the next interval, and in no
day. Intervals without rows have no bar.

A row may reach back over the beginning of an interval (information bars do), but one that takes longer than the whole
timeframe is part of none of its bars: see `fits`. So a daily bar is no part of an hourly one, and where a series' own
bars are as long as the timeframe, its bars are the timeframe's.

State, from `at` on (`TIMEFRAME_STATE` places, zeros at first): whether a bar is in the making, its end, open, high, low,
close, volume, and whether its last row closed in the hours of a session (NaN where they are not known).
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
    """Tell whether row `i` takes no longer than the timeframe; `length_us` is 0 for sessions, which take a day or more."""
    limit = length_us
    if length_us == 0.0:
        limit = float(DAY_US)
        hours = x[SESSION_CLOSE, i] - x[SESSION_OPEN, i]
        if hours > limit:
            limit = hours
    return bool(x[TS_CLOSE, i] - x[TS_OPEN, i] <= limit)


@jit
def is_past(x: NDArray[np.float64], i: int, length_us: float, state: NDArray[np.float64], at: int) -> bool:
    """Tell whether row `i` lies beyond the end of the bar in the making, which is complete without it."""
    if state[at + MAKING] == 0.0 or x[TS_CLOSE, i] <= state[at + END]:
        return False
    return length_us > 0.0 or not (x[SESSION_CLOSE, i] == state[at + END] and x[TS_OPEN, i] < state[at + END])


@jit
def take(x: NDArray[np.float64], i: int, length_us: float, state: NDArray[np.float64], at: int) -> bool:
    """Add row `i` to the bar that it is in, and tell whether it completes that; call `is_past` before.

    Who is told so, by either, uses the bar and sets `MAKING` to zero.
    """
    now = x[TS_CLOSE, i]
    is_within = x[SESSION_OPEN, i] < now <= x[SESSION_CLOSE, i]
    if length_us == 0.0:
        ends = x[SESSION_CLOSE, i]
        in_hours = x[SESSION_OPEN, i] < now and x[TS_OPEN, i] < ends
        if not (in_hours and (state[at + MAKING] > 0.0 or ends > state[at + END])):
            return False
        is_within = True
    if state[at + MAKING] == 0.0:
        if length_us > 0.0:
            ends = np.ceil(now / length_us) * length_us
            if ends <= state[at + END]:
                ends = state[at + END] + length_us
        state[at + MAKING], state[at + END] = 1.0, ends
        state[at + BAR_OPEN], state[at + BAR_HIGH], state[at + BAR_LOW] = x[OPEN, i], x[HIGH, i], x[LOW, i]
        state[at + BAR_VOLUME] = x[VOLUME, i]
    else:
        if x[HIGH, i] > state[at + BAR_HIGH]:
            state[at + BAR_HIGH] = x[HIGH, i]
        if x[LOW, i] < state[at + BAR_LOW]:
            state[at + BAR_LOW] = x[LOW, i]
        state[at + BAR_VOLUME] += x[VOLUME, i]
    state[at + BAR_CLOSE] = x[CLOSE, i]
    state[at + IN_SESSION] = 1.0 if is_within else 0.0 if x[SESSION_CLOSE, i] > 0.0 else np.nan
    return bool(now >= state[at + END])


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
        for way in range(2):
            if way == 0:
                is_complete = is_past(x, i, length_us, state, 0)
            elif fits(x, i, length_us):
                is_complete = take(x, i, length_us, state, 0)
            else:
                is_complete = False
                state[MAKING] = 0.0
            if is_complete:
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
