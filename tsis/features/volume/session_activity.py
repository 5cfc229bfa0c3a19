"""How unusual the session is so far: volume by time of day, turnover, rotation of the float, gap, change, range, score.

What `daily_cache` says of whole days, said of the day so far; on daily bars of full days both agree, but for dividends,
which its changes and gaps leave in, and for the float after a split, as volume is divided by the split factor. Volume
counts from the session's first bar on, before and after its hours too; gap and range are of its hours alone, after its
open until its close. The last session is the last one that has bars. A bar without a volume, or without a price, is
passed over and missing in the columns that need it. Known with the first bar of a session at the earliest: the warm-up
is that of a series with one bar a session.
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
_HEAD: Final = 10


@jit
def _median_of_last(value: float, count: int, n: int, state: NDArray[np.float64], at: int) -> float:
    """Return the median of the last `n` values, `count` came before; NaN until there are n. State: ring, in order."""
    ring, ordered, size = at + count % n, at + n, count
    if count >= n:
        # the one that leaves makes room
        size = n - 1
        j = ordered
        while state[j] != state[ring]:
            j += 1
        while j < ordered + size:
            state[j] = state[j + 1]
            j += 1
    j = ordered + size
    while j > ordered and state[j - 1] > value:
        state[j] = state[j - 1]
        j -= 1
    state[j] = value
    state[ring] = value
    if size < n - 1:
        return np.nan
    return float(0.5 * (state[ordered + (n - 1) // 2] + state[ordered + n // 2]))


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: sessions begun; of the session its date, volume and turnover, and of its hours first open, high, low and
    # last close (0: none yet); last close of the one before; usual turnover; curves of volume; turnovers, in order too
    n = int(params[0])
    begun, day, units, money = state[0], state[1], state[2], state[3]
    session_open, top, bottom, last, before, usual_money = state[4], state[5], state[6], state[7], state[8], state[9]
    for i in range(first, stop):
        row = i - first
        date, volume, turnover = x[SESSION, i], x[VOLUME, i], x[DOLLAR_VOLUME, i]
        opened, high, low, close = x[OPEN, i], x[HIGH, i], x[LOW, i], x[CLOSE, i]
        is_session, has_price = not np.isnan(date), not np.isnan(opened + high + low + close)
        if is_session and (begun == 0.0 or date != day):
            if begun > 0.0:
                end_curve(units, n, state, _HEAD)
                usual_money = _median_of_last(money, int(begun) - 1, n, state, _HEAD + CURVE_HEAD + (2 + n) * PLACES)
                before = last if last > 0.0 else before
            begun += 1.0
            day = date
            units = money = session_open = last = 0.0
        since = (x[TS_CLOSE, i] - x[SESSION_OPEN, i]) / _MINUTE_US

        # missing is 0 or NaN, and spoils what is not known
        missing, usual = 0.0 * (volume + date), np.nan
        if missing == 0.0:
            usual = (x[TS_OPEN, i] - x[SESSION_OPEN, i]) / _MINUTE_US
            extend_curve(usual, since, units, units + volume, state, _HEAD)
            units += volume
            usual = usual_total(since, n, state, _HEAD)
        so_far = units + missing
        rvol = so_far / usual if usual > 0.0 else np.nan
        rotation = so_far / x[FLOAT_SHARES, i] if x[FLOAT_SHARES, i] > 0.0 else np.nan
        missing = 0.0 * (turnover + date)
        money += turnover if missing == 0.0 else 0.0
        ratio = (money + missing) / usual_money if usual_money > 0.0 else np.nan
        out[row, k] = so_far
        out[row, k + 1] = rvol
        out[row, k + 2] = rotation
        out[row, k + 3] = money + missing
        out[row, k + 4] = ratio

        missing = 0.0 if is_session and has_price else np.nan
        if has_price and since > 0.0 and x[TS_CLOSE, i] <= x[SESSION_CLOSE, i]:
            top = max(high, top) if session_open > 0.0 else high
            bottom = min(low, bottom) if session_open > 0.0 else low
            session_open = session_open if session_open > 0.0 else opened
            last = close
        has_open = session_open > 0.0
        change = close / before - 1.0 + missing if before > 0.0 else np.nan
        gap = session_open / before - 1.0 + missing if before > 0.0 and has_open else np.nan
        out[row, k + 5] = change
        out[row, k + 6] = gap
        out[row, k + 7] = (top - bottom) / session_open + missing if has_open else np.nan

        score = 1.0 if abs(change) >= params[1] else 0.0
        score += 1.0 if rvol >= params[2] else 0.0
        score += 1.0 if ratio >= params[3] else 0.0
        score += 1.0 if rotation >= params[4] else 0.0
        score += 1.0 if abs(gap) >= params[5] else 0.0
        out[row, k + 8] = score if is_session else np.nan
    state[0], state[1], state[2], state[3] = begun, day, units, money
    state[4], state[5], state[6], state[7], state[8], state[9] = session_open, top, bottom, last, before, usual_money


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
