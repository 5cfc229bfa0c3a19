"""How unusual the session is so far: volume by time of day, turnover, rotation of the float, gap, change, range, score.

What `daily_cache` says of whole days, said of the day so far; on daily bars of full days both agree. Volume counts from
the session's first bar on, before and after its hours too; gap and range are of its hours alone, after its open until
its close. The last session is the last one that has bars. A bar without a volume, or without a price, is passed over
and missing in the columns that need it. Known with the first bar of a session at the earliest: the warm-up is that of
a series with one bar a session.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import (
    CLOSE,
    DOLLAR_VOLUME,
    FLOAT_SHARES,
    HIGH,
    LOW,
    OPEN,
    SESSION,
    SESSION_CLOSE,
    SESSION_OPEN,
    TS_CLOSE,
    TS_OPEN,
    VOLUME,
)
from tsis.kernels.session_curve import CURVE_HEAD, PLACES, end_curve, extend_curve, usual_total

_MINUTE_US: Final = 60e6
_N, _DAY, _UNITS, _MONEY, _OPENED, _HIGH, _LOW, _CLOSE, _BEFORE, _USUAL, _HEAD = range(11)


@jit
def _median_of_last(value: float, count: int, n: int, state: NDArray[np.float64], at: int) -> float:
    """Return the median of the last `n` values, `count` came before; NaN until there are n. State: ring, in order."""
    ring, ordered = at + count % n, at + n
    size = min(count, n)
    if count >= n:
        # the one that leaves makes room
        j = ordered
        while state[j] != state[ring]:
            j += 1
        size -= 1
        for m in range(j, ordered + size):
            state[m] = state[m + 1]
    j = ordered + size
    while j > ordered and state[j - 1] > value:
        state[j] = state[j - 1]
        j -= 1
    state[j] = state[ring] = value
    middle = ordered + n // 2
    if count + 1 < n:
        return np.nan
    return float(state[middle] if n % 2 else 0.5 * (state[middle - 1] + state[middle]))


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: sessions begun, the session and its totals and prices (0: none yet), close of the last one, its usual
    # turnover; curves of volume; turnovers of the last sessions
    n = int(params[0])
    turnovers = _HEAD + CURVE_HEAD + (2 + n) * PLACES
    for i in range(first, stop):
        row = i - first
        day = x[SESSION, i]
        if np.isnan(day):
            for j in range(9):
                out[row, k + j] = np.nan
            continue
        if state[_N] == 0.0 or day != state[_DAY]:
            if state[_N] > 0.0:
                end_curve(state[_UNITS], n, state, _HEAD)
                state[_USUAL] = _median_of_last(state[_MONEY], int(state[_N]) - 1, n, state, turnovers)
            if state[_CLOSE] > 0.0:
                state[_BEFORE] = state[_CLOSE]
            state[_N] += 1.0
            state[_DAY] = day
            state[_UNITS] = state[_MONEY] = state[_OPENED] = state[_HIGH] = state[_LOW] = state[_CLOSE] = 0.0

        volume, turnover = x[VOLUME, i], x[DOLLAR_VOLUME, i]
        units, rvol, rotation, money, ratio = np.nan, np.nan, np.nan, np.nan, np.nan
        if not np.isnan(volume):
            since = (x[TS_CLOSE, i] - x[SESSION_OPEN, i]) / _MINUTE_US
            units = state[_UNITS] + volume
            extend_curve((x[TS_OPEN, i] - x[SESSION_OPEN, i]) / _MINUTE_US, since, state[_UNITS], units, state, _HEAD)
            state[_UNITS] = units
            usual = usual_total(since, n, state, _HEAD)
            rvol = units / usual if usual > 0.0 else np.nan
            rotation = units / x[FLOAT_SHARES, i] if x[FLOAT_SHARES, i] > 0.0 else np.nan
        if not np.isnan(turnover):
            money = state[_MONEY] + turnover
            state[_MONEY] = money
            ratio = money / state[_USUAL] if state[_USUAL] > 0.0 else np.nan

        opened, high, low, close = x[OPEN, i], x[HIGH, i], x[LOW, i], x[CLOSE, i]
        gap, change, reach = np.nan, np.nan, np.nan
        if not np.isnan(opened + high + low + close):
            if x[SESSION_OPEN, i] < x[TS_CLOSE, i] <= x[SESSION_CLOSE, i]:
                is_first = state[_OPENED] == 0.0
                state[_OPENED] = opened if is_first else state[_OPENED]
                state[_HIGH] = high if is_first else max(high, state[_HIGH])
                state[_LOW] = low if is_first else min(low, state[_LOW])
                state[_CLOSE] = close
            if state[_OPENED] > 0.0:
                reach = (state[_HIGH] - state[_LOW]) / state[_OPENED]
            if state[_BEFORE] > 0.0:
                change = close / state[_BEFORE] - 1.0
                gap = state[_OPENED] / state[_BEFORE] - 1.0 if state[_OPENED] > 0.0 else np.nan

        score = 1.0 if abs(change) >= params[1] else 0.0
        score += 1.0 if rvol >= params[2] else 0.0
        score += 1.0 if ratio >= params[3] else 0.0
        score += 1.0 if rotation >= params[4] else 0.0
        score += 1.0 if abs(gap) >= params[5] else 0.0
        out[row, k], out[row, k + 1], out[row, k + 2] = units, rvol, rotation
        out[row, k + 3], out[row, k + 4] = money, ratio
        out[row, k + 5], out[row, k + 6], out[row, k + 7] = change, gap, reach
        out[row, k + 8] = score


class SessionActivityParams(Params):
    """Parameters of `session_activity`.

    Parameters
    ----------
    sessions : earlier sessions that the session is compared with.
    change_frac, rvol, dollar_volume_ratio, float_rotation, gap_frac : the session scores a point for each that it has
        reached; see `daily_cache`.
    """

    sessions: int = Field(default=30, ge=1)
    change_frac: float = Field(default=0.10, gt=0)
    rvol: float = Field(default=2.0, gt=0)
    dollar_volume_ratio: float = Field(default=10.0, gt=0)
    float_rotation: float = Field(default=0.5, gt=0)
    gap_frac: float = Field(default=0.05, gt=0)


@bank
def session_activity(params: SessionActivityParams) -> Bank:
    """Return the bank; null where the calendar has no session for a bar."""
    n, source = params.sessions, "as in daily_cache, of the session so far"
    return Bank(
        inputs=(
            TS_OPEN,
            TS_CLOSE,
            OPEN,
            HIGH,
            LOW,
            CLOSE,
            VOLUME,
            DOLLAR_VOLUME,
            SESSION,
            SESSION_OPEN,
            SESSION_CLOSE,
            FLOAT_SHARES,
        ),
        outputs=(
            Feature("session_volume", "units", "Volume of the session so far", 0, source),
            Feature(
                f"rvol_{n}",
                "ratio",
                f"Volume of the session so far over the mean of that of the {n} sessions before by the same time since "
                "the open; null where that is zero",
                n,
                source,
            ),
            Feature(
                "float_rotation",
                "ratio",
                "Volume of the session so far over the shares that can be traded; null where they are not known",
                0,
                source,
            ),
            Feature("session_dollar_volume", "quote", "Turnover of the session so far", 0, source),
            Feature(
                f"session_dollar_volume_ratio_{n}",
                "ratio",
                f"Turnover of the session so far over the median turnover of the whole {n} sessions before",
                n,
                source,
            ),
            Feature("session_change", "frac", "Close over the last close of the session before, less 1", 1, source),
            Feature(
                "gap_frac",
                "frac",
                "First open of the session over the last close of the session before, less 1; known from the first bar "
                "within its hours on",
                1,
                source,
            ),
            Feature(
                "intraday_volatility",
                "frac",
                "High less low of the session's hours so far, over their first open",
                0,
                source,
            ),
            Feature(
                "info_score",
                "0..5",
                f"How many of these the session has reached so far: change of {params.change_frac:g} up or down, "
                f"rvol_{n} of {params.rvol:g}, turnover ratio of {params.dollar_volume_ratio:g}, float rotation of "
                f"{params.float_rotation:g}, gap of {params.gap_frac:g} up or down; what is not known is not reached",
                0,
                source,
            ),
        ),
        params=(
            float(n),
            params.change_frac,
            params.rvol,
            params.dollar_volume_ratio,
            params.float_rotation,
            params.gap_frac,
        ),
        state_size=_HEAD + CURVE_HEAD + (2 + n) * PLACES + 2 * n,
        step=_step,
    )
