"""Fair value gaps of several timeframes: found when the third bar closes, then followed row by row.

A bar that opens a gap leaves prices between its neighbours that neither of them traded: bullish where the low of the
third is above the high of the first, bearish where the high of the third is below the low of the first. Nearer to the
price after it lies the near edge (the top of a bullish gap), the other one is the far edge. What follows is seen in
mirrored prices for bearish gaps, so that one rule serves both.

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
from tsis.core.stream import CLOSE, HIGH, LOW, N_STREAMS, OPEN, TS_CLOSE, TS_OPEN, VOLUME
from tsis.kernels.timeframe_bars import (
    BAR_CLOSE,
    BAR_HIGH,
    BAR_LOW,
    BAR_OPEN,
    BAR_VOLUME,
    IN_SESSION,
    MAKING,
    TIMEFRAME_STATE,
    fits,
    is_past,
    take,
)

N_PARAMS: Final = 10
"""Before the lengths of the timeframes: how many, capacity, bars of ATR and mean volume, bars of the EMA, least size in
ATR, then the weights of size, displacement, volume, trend and session."""
N_OUTPUTS: Final = 7
"""A timeframe and direction: distance, size, age, filled, quality of the nearest gap; gaps; state of the newest."""
IS_OPEN, IS_PARTLY_FILLED, IS_FILLED, IS_INVERTED = range(4)
"""States of a gap."""
CREATED, TOUCHED, FILLED, INVERTED, DROPPED = range(5)
"""What the log tells of a gap."""
LOG_WIDTH: Final = 13
"""Row, timeframe, direction (0 bullish), number, event; of CREATED also near edge, far edge (both as prices), size,
displacement, volume ratio, whether with the trend, whether in the session, quality."""

# the part of the state of one timeframe that follows its bar in the making
_N_BARS, _RUN, _HIGH_2, _LOW_2, _HIGH_1, _LOW_1, _OPEN_1, _CLOSE_1, _VOLUME_1, _IN_SESSION_1 = range(10)
_BEFORE, _N_RANGES, _ATR, _N_VOLUMES, _MEAN_VOLUME, _N_CLOSES, _EMA = range(10, 17)
_HEAD: Final = 17
# of one list of gaps
_N, _N_OPEN, _TRIGGER, _NEAREST, _N_EVER, _NEWEST_STATE = range(6)
_LIST: Final = 6
# of one gap
_NUMBER, _NEAR, _FAR, _DEEPEST, _SIZE, _BORN, _QUALITY = range(7)
_GAP: Final = 7


def state_size(n_timeframes: int, capacity: int) -> int:
    """Return the length of the state."""
    return n_timeframes * (TIMEFRAME_STATE + _HEAD + 2 * (_LIST + capacity * _GAP))


def log_rows(n_rows: int, n_timeframes: int, capacity: int) -> int:
    """Return how many rows of a log are enough for `n_rows`."""
    # a row completes two bars of a timeframe at most, each leaves one gap, and a gap has four events
    return 1 + 8 * n_timeframes * n_rows + 6 * capacity * n_timeframes


@jit
def _tell(log: NDArray[np.float64], i: int, place: int, number: float, event: int) -> int:
    """Add an event to the log, whose first number counts them; return its row, 0 where there is no log."""
    if log.shape[0] == 0:
        return 0
    n = int(log[0, 0]) + 1
    log[0, 0] = n
    log[n, 0], log[n, 1], log[n, 2], log[n, 3], log[n, 4] = i, place // 2, place % 2, number, event
    return n


@jit
def _find_nearest(state: NDArray[np.float64], at: int) -> None:
    """Find the open gap whose near edge is nearest, the newest of equals, and the price that changes one."""
    nearest, trigger, n_open = -1, -np.inf, 0
    for j in range(int(state[at + _N])):
        gap = at + _LIST + j * _GAP
        if state[gap + _DEEPEST] > state[gap + _FAR]:
            n_open += 1
            if nearest < 0 or state[gap + _NEAR] >= state[nearest + _NEAR]:
                nearest = gap
            if state[gap + _DEEPEST] > trigger:
                trigger = state[gap + _DEEPEST]
    state[at + _NEAREST], state[at + _TRIGGER], state[at + _N_OPEN] = nearest, trigger, n_open


@jit
def _trade(price: float, state: NDArray[np.float64], at: int, i: int, place: int, log: NDArray[np.float64]) -> None:
    """Fill the open gaps down to `price`, mirrored like the edges."""
    for j in range(int(state[at + _N])):
        gap = at + _LIST + j * _GAP
        deepest, far = state[gap + _DEEPEST], state[gap + _FAR]
        if price >= deepest or deepest <= far:
            continue
        is_newest = state[gap + _NUMBER] == state[at + _N_EVER]
        if deepest == state[gap + _NEAR]:
            _tell(log, i, place, state[gap + _NUMBER], TOUCHED)
        state[gap + _DEEPEST] = price
        if price <= far:
            _tell(log, i, place, state[gap + _NUMBER], FILLED)
        if is_newest:
            state[at + _NEWEST_STATE] = IS_FILLED if price <= far else IS_PARTLY_FILLED
    _find_nearest(state, at)


@jit
def _settle(close: float, state: NDArray[np.float64], at: int, i: int, place: int, log: NDArray[np.float64]) -> None:
    """Take the filled gaps off the list when their bar closes."""
    kept = 0
    for j in range(int(state[at + _N])):
        gap, target = at + _LIST + j * _GAP, at + _LIST + kept * _GAP
        if state[gap + _DEEPEST] > state[gap + _FAR]:
            for field in range(_GAP):
                state[target + field] = state[gap + field]
            kept += 1
        elif close < state[gap + _FAR]:
            _tell(log, i, place, state[gap + _NUMBER], INVERTED)
            if state[gap + _NUMBER] == state[at + _N_EVER]:
                state[at + _NEWEST_STATE] = IS_INVERTED
    state[at + _N] = kept
    _find_nearest(state, at)


@jit
def _add(
    sign: float,
    near: float,
    far: float,
    params: NDArray[np.float64],
    state: NDArray[np.float64],
    head: int,
    at: int,
    i: int,
    place: int,
    log: NDArray[np.float64],
) -> None:
    """Put a gap on its list; `near` and `far` are mirrored. The score is that of `quality`."""
    atr = state[head + _ATR]
    size = (near - far) / atr
    if not size >= params[4]:
        return
    displacement = max(sign * (state[head + _CLOSE_1] - state[head + _OPEN_1]), 0.0) / atr
    volume = np.nan
    if state[head + _N_VOLUMES] >= params[2] and state[head + _MEAN_VOLUME] > 0.0:
        volume = state[head + _VOLUME_1] / state[head + _MEAN_VOLUME]
    trend = np.nan
    if state[head + _N_CLOSES] >= params[3]:
        trend = 1.0 if sign * (state[head + _BEFORE] - state[head + _EMA]) > 0.0 else 0.0
    session = state[head + _IN_SESSION_1]
    score = quality(size, displacement, volume, trend, session, params[5:10])
    n, capacity = int(state[at + _N]), int(params[1])
    if n == capacity:
        _tell(log, i, place, state[at + _LIST + _NUMBER], DROPPED)
        for field in range(at + _LIST, at + _LIST + (n - 1) * _GAP):
            state[field] = state[field + _GAP]
        n -= 1
    gap = at + _LIST + n * _GAP
    state[at + _N_EVER] += 1.0
    state[at + _NEWEST_STATE] = IS_OPEN
    state[gap + _NUMBER], state[gap + _NEAR], state[gap + _FAR] = state[at + _N_EVER], near, far
    state[gap + _DEEPEST], state[gap + _SIZE], state[gap + _BORN] = near, size, state[head + _N_BARS]
    state[gap + _QUALITY] = score
    state[at + _N] = n + 1
    _find_nearest(state, at)
    row = _tell(log, i, place, state[at + _N_EVER], CREATED)
    if row > 0:
        log[row, 5], log[row, 6], log[row, 7], log[row, 8] = sign * near, sign * far, size, displacement
        log[row, 9], log[row, 10], log[row, 11], log[row, 12] = volume, trend, session, score


@jit
def quality(
    size: float,
    displacement: float,
    volume: float,
    trend: float,
    session: float,
    weights: NDArray[np.float64],
) -> float:
    """Return how good a gap is, 0 to 1: the weighted mean of five parts, those left out that are NaN.

    A part v / (1 + v) is 1/2 for v = 1 and nears 1: so for size and displacement in ATR, and the volume ratio.

    Parameters
    ----------
    size : of the gap in ATR.
    displacement : body of the middle bar in the gap's direction, in ATR; 0 where it went the other way.
    volume : of the middle bar over the mean.
    trend : 1 where the third bar closed beyond the EMA in the gap's direction, else 0.
    session : 1 where the middle bar closed in the hours of the session, else 0.
    weights : (5,) of these parts.
    """
    total, weight = 0.0, 0.0
    for part in range(5):
        value = trend if part == 3 else session
        if part < 3:
            measure = size if part == 0 else displacement if part == 1 else volume
            value = measure / (1.0 + measure)
        if not np.isnan(value):
            total += weights[part] * value
            weight += weights[part]
    return float(total / weight)


@jit
def _mean(value: float, period: float, state: NDArray[np.float64], n: int, mean: int) -> None:
    """Wilder's mean: of the first `period` values, then 1/period of each new one; a NaN is passed over."""
    if np.isnan(value):
        return
    state[n] += 1.0
    weight = period if state[n] > period else state[n]
    state[mean] += (value - state[mean]) / weight


@jit
def _close_bar(
    params: NDArray[np.float64],
    state: NDArray[np.float64],
    at: int,
    i: int,
    timeframe: int,
    log: NDArray[np.float64],
) -> None:
    """Take the completed bar of a timeframe into account: what it settles, and the gap that it leaves."""
    head = at + TIMEFRAME_STATE
    one = head + _HEAD
    lists = (one, one + _LIST + int(params[1]) * _GAP)
    high, low, close = state[at + BAR_HIGH], state[at + BAR_LOW], state[at + BAR_CLOSE]
    for direction in range(2):
        if state[lists[direction] + _N] > state[lists[direction] + _N_OPEN]:
            sign = 1.0 - 2.0 * direction
            _settle(sign * close, state, lists[direction], i, 2 * timeframe + direction, log)
    before = state[head + _BEFORE]
    if state[head + _N_BARS] > 0.0:
        _mean(max(high, before) - min(low, before), params[2], state, head + _N_RANGES, head + _ATR)
    _mean(state[at + BAR_VOLUME], params[2], state, head + _N_VOLUMES, head + _MEAN_VOLUME)
    state[head + _N_CLOSES] += 1.0
    weight = 2.0 / (params[3] + 1.0) if state[head + _N_CLOSES] > params[3] else 1.0 / state[head + _N_CLOSES]
    state[head + _EMA] += (close - state[head + _EMA]) * weight
    state[head + _N_BARS] += 1.0
    state[head + _BEFORE] = close
    if state[head + _RUN] >= 2.0 and state[head + _N_RANGES] >= params[2] and state[head + _ATR] > 0.0:
        if low > state[head + _HIGH_2]:
            _add(1.0, low, state[head + _HIGH_2], params, state, head, lists[0], i, 2 * timeframe, log)
        elif high < state[head + _LOW_2]:
            _add(-1.0, -high, -state[head + _LOW_2], params, state, head, lists[1], i, 2 * timeframe + 1, log)
    state[head + _RUN] += 1.0
    state[head + _HIGH_2], state[head + _LOW_2] = state[head + _HIGH_1], state[head + _LOW_1]
    state[head + _HIGH_1], state[head + _LOW_1] = high, low
    state[head + _OPEN_1], state[head + _CLOSE_1] = state[at + BAR_OPEN], close
    state[head + _VOLUME_1], state[head + _IN_SESSION_1] = state[at + BAR_VOLUME], state[at + IN_SESSION]
    state[at + MAKING] = 0.0


@jit
def follow_gaps(
    x: NDArray[np.float64],
    first: int,
    stop: int,
    params: NDArray[np.float64],
    state: NDArray[np.float64],
    out: NDArray[np.float64],
    k: int,
    log: NDArray[np.float64],
) -> None:
    """Follow the gaps of all timeframes over the rows `first` to `stop` - 1 of `x`.

    Parameters
    ----------
    x, out, k : as of a feature bank's step; `N_OUTPUTS` columns a direction, two directions a timeframe. NaN before the
        ATR of the timeframe is known, in a row without prices, which changes nothing, and in one that takes longer than
        the timeframe, with which three bars in a row begin anew.
    params : see `N_PARAMS`, then the lengths of the timeframes in microseconds, 0 for sessions.
    state : `state_size`, zeros at first.
    log : (`log_rows`, `LOG_WIDTH`) with a zero in its first place, for the events, or no rows.
    """
    n_timeframes, width = int(params[0]), TIMEFRAME_STATE + _HEAD + 2 * (_LIST + int(params[1]) * _GAP)
    for timeframe in range(n_timeframes):
        at, length = timeframe * width, params[N_PARAMS + timeframe]
        head = at + TIMEFRAME_STATE
        for i in range(first, stop):
            column = k + 2 * N_OUTPUTS * timeframe
            for j in range(column, column + 2 * N_OUTPUTS):
                out[i - first, j] = np.nan
            high, low, close = x[HIGH, i], x[LOW, i], x[CLOSE, i]
            if np.isnan(high + low + close + x[OPEN, i] + x[TS_CLOSE, i]):
                continue
            if is_past(x, i, length, state, at):
                _close_bar(params, state, at, i, timeframe, log)
            for direction in range(2):
                gaps = head + _HEAD + direction * (_LIST + int(params[1]) * _GAP)
                price = low if direction == 0 else -high
                if state[gaps + _N_OPEN] > 0.0 and price < state[gaps + _TRIGGER]:
                    _trade(price, state, gaps, i, 2 * timeframe + direction, log)
            if not fits(x, i, length):
                state[at + MAKING], state[head + _RUN] = 0.0, 0.0
                continue
            if take(x, i, length, state, at):
                _close_bar(params, state, at, i, timeframe, log)
            if not (state[head + _N_RANGES] >= params[2] and state[head + _ATR] > 0.0):
                continue
            for direction in range(2):
                gaps = head + _HEAD + direction * (_LIST + int(params[1]) * _GAP)
                sign = 1.0 - 2.0 * direction
                out[i - first, column + 5] = state[gaps + _N_OPEN]
                if state[gaps + _N_EVER] > 0.0:
                    out[i - first, column + 6] = state[gaps + _NEWEST_STATE]
                if state[gaps + _N_OPEN] > 0.0:
                    gap = int(state[gaps + _NEAREST])
                    near = state[gap + _NEAR]
                    out[i - first, column] = (sign * close - near) / state[head + _ATR]
                    out[i - first, column + 1] = state[gap + _SIZE]
                    out[i - first, column + 2] = state[head + _N_BARS] - state[gap + _BORN]
                    out[i - first, column + 3] = (near - state[gap + _DEEPEST]) / (near - state[gap + _FAR])
                    out[i - first, column + 4] = state[gap + _QUALITY]
                column += N_OUTPUTS


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    n = arrays[0].size
    x = np.full((N_STREAMS, n), np.nan)
    for stream, values in zip((TS_CLOSE, OPEN, HIGH, LOW, CLOSE, VOLUME), arrays, strict=True):
        x[stream] = values
    x[TS_OPEN] = x[TS_CLOSE] - 30e6
    out = np.empty((n, 4 * N_OUTPUTS))
    follow_gaps(x, 0, n, np.array(_PARAMS), state, out, 0, np.empty((0, LOG_WIDTH)))
    return out


_PARAMS: Final = (2.0, 4.0, 14.0, 20.0, 0.0, 0.3, 0.25, 0.15, 0.2, 0.1, 60e6, 300e6)
FAIR_VALUE_GAPS: Final = Fold(
    ("ts_us", "open", "high", "low", "close", "volume"), lambda: np.zeros(state_size(2, 4)), _run
)
