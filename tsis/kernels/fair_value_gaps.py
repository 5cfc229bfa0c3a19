"""Fair value gaps of several timeframes: found when the third bar closes, then followed row by row.

A bar that opens a gap leaves prices between its neighbours that neither of them traded: bullish where the low of the
third is above the high of the first, bearish where the high of the third is below the low of the first. Nearer to the
price after it lies the near edge (the top of a bullish gap), the other one is the far edge. What follows is seen in
mirrored prices, -1 times the price, for bearish gaps, so that one rule serves both:

- open until a row trades below the near edge;
- partly filled until a row trades at the far edge or below;
- then filled, and when the timeframe's bar in which that happens closes below the far edge, inverted. With that bar the
  gap is done.

The newest `capacity` gaps of a timeframe and direction that are not filled are followed; when another is found, the
oldest is dropped: it counts no more, and nothing later is known of it.
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
from tsis.kernels.timeframe_bars import (
    BAR_CLOSE,
    BAR_HIGH,
    BAR_LOW,
    BAR_OPEN,
    BAR_VOLUME,
    DAY_US,
    END,
    IN_SESSION,
    MAKING,
    TIMEFRAME_STATE,
    completes,
    fits,
)

N_OUTPUTS: Final = 7
"""A timeframe and direction: distance, size, age, filled, quality of the nearest gap; gaps; state of the newest."""
IS_OPEN, IS_PARTLY_FILLED, IS_FILLED, IS_INVERTED = range(4)
"""States of a gap."""
CREATED, TOUCHED, FILLED, INVERTED, DROPPED = 1.0, 2.0, 4.0, 8.0, 16.0
"""What the log tells of a gap; a row that does two of these things tells their sum."""
LOG_WIDTH: Final = 3 + 11
"""Row, 2 x timeframe + direction (1 bearish), event, then `GAP_FIELDS`."""

# params: how many timeframes, then these, the five weights, and the lengths of the timeframes
_CAPACITY, _PERIODS, _MIN_SIZE, _WEIGHTS, _LENGTHS = 1, 2, 5, 6, 11
# of a timeframe, after its bar in the making: bars so far, bars in a row; the last bar and the one before, laid out as
# in the making; and number and mean of true range, volume, close
_N_BARS, _RUN = TIMEFRAME_STATE, TIMEFRAME_STATE + 1
_LAST, _BEFORE_LAST, _MEANS = TIMEFRAME_STATE + 2, TIMEFRAME_STATE + 8, TIMEFRAME_STATE + 14
_ATR = _MEANS + 1
_HEAD: Final = TIMEFRAME_STATE + 20
_O, _H, _L, _C, _V, _S = (
    place - BAR_OPEN for place in (BAR_OPEN, BAR_HIGH, BAR_LOW, BAR_CLOSE, BAR_VOLUME, IN_SESSION)
)
# of a list of gaps: kept, open, number of the newest, price that changes one; near edge of the nearest, then outputs
_N, _N_OPEN, _N_EVER, _TRIGGER, _NEAREST, _SHOWN = range(6)
_SHOWN_SIZE, _SHOWN_AGE, _SHOWN_FILLED, _SHOWN_QUALITY, _SHOWN_COUNT, _SHOWN_STATE = range(_SHOWN, _SHOWN + 6)
_LIST: Final = _SHOWN + N_OUTPUTS - 1
# of one gap; the parts of the score are size, displacement, volume, trend, session
_NUMBER, _NEAR, _FAR, _DEEPEST, _BORN, _QUALITY, _PARTS = range(7)
_GAP: Final = 11
GAP_FIELDS: Final = (
    *("number", "near", "far", "deepest", "born", "quality"),
    *("size", "displacement", "volume", "trend", "session"),
)
"""What is kept of a gap, prices mirrored."""


def state_size(n_timeframes: int, capacity: int) -> int:
    """Return the length of the state."""
    return n_timeframes * (_HEAD + 2 * (_LIST + (capacity + 1) * _GAP))


def log_size(n_rows: int, n_timeframes: int, capacity: int) -> int:
    """Return how many numbers behind the state are enough for the log of `n_rows`."""
    # a row completes two bars of a timeframe at most, each leaves one gap, and a gap has four events
    return 1 + LOG_WIDTH * (8 * n_timeframes * n_rows + 6 * (capacity + 1) * n_timeframes)


@jit
def _tell(state: NDArray[np.float64], log: int, i: int, place: int, event: float, gap: int) -> None:
    """Append an event to the log that begins at `log`, where the state goes on so far."""
    if state.shape[0] > log:
        row = log + 1 + LOG_WIDTH * int(state[log])
        state[log] += 1.0
        state[row], state[row + 1], state[row + 2] = i, place, event
        for field in range(_GAP):
            state[row + 3 + field] = state[gap + field]


@jit
def _look(
    price: float,
    close: float,
    capacity: float,
    state: NDArray[np.float64],
    at: int,
    n_bars: float,
    log: int,
    i: int,
    place: int,
) -> None:
    """Look through a list after a trade at `price`, or the end of a bar at `close`, and note its outputs.

    Both are mirrored, and NaN where there is none. At the end of a bar the filled gaps leave the list, and the oldest
    open one where there are too many.
    """
    is_bar_end = not np.isnan(close)
    kept, n_open, trigger, near, far, nearest = 0, 0, -np.inf, np.nan, np.nan, 0
    is_one_dropped = is_bar_end and state[at + _N_OPEN] > capacity
    newest = state[at + _N_EVER]
    for j in range(int(state[at + _N])):
        gap, target = at + _LIST + j * _GAP, at + _LIST + kept * _GAP
        edge, end, deepest = state[gap + _NEAR], state[gap + _FAR], state[gap + _DEEPEST]
        was_open, stays, event = deepest > end, True, 0.0
        if was_open and price < deepest:
            event = (TOUCHED if deepest == edge else 0.0) + (FILLED if price <= end else 0.0)
            if state[gap + _NUMBER] == newest:
                state[at + _SHOWN_STATE] = IS_FILLED if price <= end else IS_PARTLY_FILLED
            deepest = price
            state[gap + _DEEPEST] = price
        if is_bar_end:
            stays = was_open and not is_one_dropped
            if not was_open and close < end:
                event = INVERTED
                if state[gap + _NUMBER] == newest:
                    state[at + _SHOWN_STATE] = IS_INVERTED
            elif was_open and is_one_dropped:
                event, is_one_dropped = DROPPED, False
        if event > 0.0:
            _tell(state, log, i, place, event, gap)
        if not stays:
            continue
        if target != gap:
            for field in range(_GAP):
                state[target + field] = state[gap + field]
        if deepest > end:
            n_open += 1
            if deepest > trigger:
                trigger = deepest
            if not edge < near:
                near, far, nearest = edge, end, target
        kept += 1
    state[at + _N], state[at + _N_OPEN], state[at + _SHOWN_COUNT] = kept, n_open, n_open
    state[at + _TRIGGER], state[at + _NEAREST] = trigger, near
    if newest == 0.0:
        state[at + _SHOWN_STATE] = np.nan
    for field in range(4):
        state[at + _SHOWN + field] = np.nan
    if n_open > 0:
        state[at + _SHOWN_SIZE], state[at + _SHOWN_QUALITY] = state[nearest + _PARTS], state[nearest + _QUALITY]
        state[at + _SHOWN_AGE] = n_bars - state[nearest + _BORN]
        state[at + _SHOWN_FILLED] = (near - state[nearest + _DEEPEST]) / (near - far)


@jit
def _take_row(
    x: NDArray[np.float64],
    i: int,
    params: NDArray[np.float64],
    state: NDArray[np.float64],
    at: int,
    timeframe: int,
    log: int,
) -> bool:
    """Do what a row of prices does to a timeframe; return whether it takes no longer than that."""
    capacity, length = params[_CAPACITY], params[_LENGTHS + timeframe]
    list_size = _LIST + (int(capacity) + 1) * _GAP
    for is_taken in (False, True):
        if is_taken:
            for direction in range(2):
                one, price = at + _HEAD + direction * list_size, x[LOW, i] if direction == 0 else -x[HIGH, i]
                if state[one + _N_OPEN] > 0.0 and price < state[one + _TRIGGER]:
                    _look(price, np.nan, capacity, state, one, state[at + _N_BARS], log, i, 2 * timeframe + direction)
            if not fits(x, i, length):
                state[at + _RUN] = -1.0
                return False
        if not completes(x, i, is_taken, length, state, at):
            continue
        state[at + MAKING] = 0.0
        high, low, close, before = (
            state[at + BAR_HIGH],
            state[at + BAR_LOW],
            state[at + BAR_CLOSE],
            state[at + _LAST + _C],
        )
        for j in range(3):
            value = close if j == 2 else state[at + BAR_VOLUME]
            if j == 0:
                value = max(high, before) - min(low, before) if state[at + _N_BARS] > 0.0 else np.nan
            if not np.isnan(value):
                mean, period = at + _MEANS + 2 * j, params[_PERIODS + j]
                state[mean] += 1.0
                n = state[mean] if state[mean] <= period else 0.5 * (period + 1.0) if j == 2 else period
                state[mean + 1] += (value - state[mean + 1]) / n
        state[at + _N_BARS] += 1.0
        atr = state[at + _ATR] if state[at + _MEANS] >= params[_PERIODS] else 0.0
        for direction in range(2):
            sign, one = 1.0 - 2.0 * direction, at + _HEAD + direction * list_size
            near, far = (
                (low, state[at + _BEFORE_LAST + _H]) if direction == 0 else (-high, -state[at + _BEFORE_LAST + _L])
            )
            if state[at + _RUN] >= 2.0 and near > far and atr > 0.0 and near - far >= params[_MIN_SIZE] * atr:
                gap = one + _LIST + int(state[one + _N]) * _GAP
                body = sign * (state[at + _LAST + _C] - state[at + _LAST + _O])
                state[gap + _PARTS], state[gap + _PARTS + 1] = (near - far) / atr, max(body, 0.0) / atr
                mean_volume = state[at + _MEANS + 3] if state[at + _MEANS + 2] >= params[_PERIODS + 1] else 0.0
                state[gap + _PARTS + 2] = state[at + _LAST + _V] / mean_volume if mean_volume > 0.0 else np.nan
                is_beyond = 1.0 if sign * (close - state[at + _MEANS + 5]) > 0.0 else 0.0
                state[gap + _PARTS + 3] = is_beyond if state[at + _MEANS + 4] >= params[_PERIODS + 2] else np.nan
                state[gap + _PARTS + 4] = state[at + _LAST + _S]
                score, weight = 0.0, 0.0
                for part in range(5):
                    value = state[gap + _PARTS + part]
                    if not np.isnan(value):
                        score += params[_WEIGHTS + part] * (value / (1.0 + value) if part < 3 else value)
                        weight += params[_WEIGHTS + part]
                state[one + _N] += 1.0
                state[one + _N_OPEN] += 1.0
                state[one + _N_EVER] += 1.0
                state[one + _SHOWN_STATE] = IS_OPEN
                state[gap + _NUMBER], state[gap + _NEAR], state[gap + _FAR] = state[one + _N_EVER], near, far
                state[gap + _DEEPEST], state[gap + _BORN] = near, state[at + _N_BARS]
                state[gap + _QUALITY] = score / weight
                _tell(state, log, i, 2 * timeframe + direction, CREATED, gap)
            _look(np.nan, sign * close, capacity, state, one, state[at + _N_BARS], log, i, 2 * timeframe + direction)
        state[at + _RUN] += 1.0
        for field in range(6):
            state[at + _BEFORE_LAST + field] = state[at + _LAST + field]
            state[at + _LAST + field] = state[at + BAR_OPEN + field]
    return True


@jit
def follow_gaps(
    x: NDArray[np.float64],
    first: int,
    stop: int,
    params: NDArray[np.float64],
    state: NDArray[np.float64],
    out: NDArray[np.float64],
    k: int,
) -> None:
    """Follow the gaps of all timeframes over the rows `first` to `stop` - 1 of `x`; a feature bank's step.

    Parameters
    ----------
    out : `N_OUTPUTS` columns a direction, bullish first, two directions a timeframe. NaN before the ATR of the
        timeframe is known, in a row without prices, which changes nothing, and in one that takes longer than the
        timeframe: the bar that it falls into is not whole, and three bars in a row begin anew after it.
    params : number of timeframes; gaps that are followed; bars of ATR, of mean volume, of EMA; least size in ATR;
        weights of size, displacement, volume, trend, session; lengths in microseconds, 0 for sessions.
    state : `state_size`, zeros at first. A longer one, by `log_size`, takes the events behind it: their number, which
        the caller sets to zero, then `LOG_WIDTH` numbers each.
    """
    n_timeframes, list_size = int(params[0]), _LIST + (int(params[_CAPACITY]) + 1) * _GAP
    log = n_timeframes * (_HEAD + 2 * list_size)
    for timeframe in range(n_timeframes):
        at, length = timeframe * (_HEAD + 2 * list_size), params[_LENGTHS + timeframe]
        short = length if length > 0.0 else float(DAY_US)
        # a row that only goes on with the bar in the making stays in locals, up to `last`
        last, is_stale, end, top, bottom, volume = -1, True, 0.0, 0.0, 0.0, 0.0
        floor, ceiling, atr = 0.0, 0.0, 0.0
        i = first
        while True:
            if is_stale:
                end = state[at + END] if state[at + MAKING] > 0.0 else -np.inf
                top, bottom, volume = state[at + BAR_HIGH], state[at + BAR_LOW], state[at + BAR_VOLUME]
                floor, ceiling = state[at + _HEAD + _TRIGGER], -state[at + _HEAD + list_size + _TRIGGER]
                atr = state[at + _ATR] if state[at + _MEANS] >= params[_PERIODS] else np.nan
                is_stale = False
            is_plain, is_there, fit, close = False, False, True, np.nan
            if i < stop:
                now, since, high, low, close = x[TS_CLOSE, i], x[TS_OPEN, i], x[HIGH, i], x[LOW, i], x[CLOSE, i]
                is_there = not np.isnan(now + high + low + close + x[OPEN, i])
                is_plain = now < end and now - since <= short and low >= floor and high <= ceiling
                if length == 0.0:
                    is_plain = is_plain and x[SESSION_OPEN, i] < now and x[SESSION_CLOSE, i] == end and since < end
                if is_plain and is_there:
                    top, bottom, last = max(top, high), min(bottom, low), i
                    volume += x[VOLUME, i]
            if last >= 0 and (i == stop or (is_there and not is_plain)):
                state[at + BAR_HIGH], state[at + BAR_LOW], state[at + BAR_VOLUME] = top, bottom, volume
                state[at + BAR_CLOSE] = x[CLOSE, last]
                opens = x[SESSION_OPEN, last]
                is_within = length == 0.0 or opens < x[TS_CLOSE, last] <= x[SESSION_CLOSE, last]
                state[at + IN_SESSION] = 1.0 if is_within else 0.0 if opens > 0.0 else np.nan
                last = -1
            if i == stop:
                break
            if is_there and not is_plain:
                fit = _take_row(x, i, params, state, at, timeframe, log)
                is_stale = True
                atr = state[at + _ATR] if state[at + _MEANS] >= params[_PERIODS] else np.nan
            column = k + 2 * N_OUTPUTS * timeframe
            if not (is_there and fit and atr > 0.0):
                for j in range(column, column + 2 * N_OUTPUTS):
                    out[i - first, j] = np.nan
            else:
                for direction in range(2):
                    one = at + _HEAD + direction * list_size + _NEAREST
                    sign = 1.0 - 2.0 * direction
                    out[i - first, column] = (sign * close - state[one]) / atr
                    for j in range(1, N_OUTPUTS):
                        out[i - first, column + j] = state[one + j]
                    column += N_OUTPUTS
            i += 1


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    n = arrays[0].size
    x = np.full((N_STREAMS, n), np.nan)
    for stream, values in zip((TS_CLOSE, OPEN, HIGH, LOW, CLOSE, VOLUME), arrays, strict=True):
        x[stream] = values
    x[TS_OPEN] = x[TS_CLOSE] - 30e6
    out = np.empty((n, 4 * N_OUTPUTS))
    follow_gaps(x, 0, n, np.array((2, 4, 14, 14, 20, 0, 0.3, 0.25, 0.15, 0.2, 0.1, 60e6, 300e6)), state, out, 0)
    return out


FAIR_VALUE_GAPS: Final = Fold(
    ("ts_us", "open", "high", "low", "close", "volume"), lambda: np.zeros(state_size(2, 4)), _run
)
