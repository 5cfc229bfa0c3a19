"""Which phase of its day a session is in: opening drive, impulse, pullback, consolidation or exhaustion.

The rule looks at the bars of the session's hours so far. Their *leg* is the way from the older to the newer of the
session's high and low (within one bar, the high is the newer one where it closed at or above its open), its *pace* the
range of the session over the average true range and the square root of the leg's bars: how far it went, measured by how
far prices of that much noise go by chance. *Retraced* is the share of the leg that the close has given back. *Effort*
is the bar's volume over the mean volume of the session's bars before it, or its true range over the average one where
they had no volume. The first that holds gives the code:

====  ==============  ===========================================================================  =====================
code  phase           rule                                                                         strength
====  ==============  ===========================================================================  =====================
1     opening drive   the first `opening_minutes`; the close is at least `drive_frac` of the       that share
                      session's range from its first open, and that range at least the average
                      true range times the square root of its bars
5     exhaustion      pace of `min_pace`; the leg's end is of this bar or the last, effort is      share of the bar's
                      `climax` or more, and the bar closes in the half away from the leg's end     range given back
4     consolidation   the range of the last `quiet_bars` bars is at most `quiet` times the average  1 less that range over
                      true range and the square root of their number                               its limit
2     impulse         pace of `min_pace`; retraced `impulse_retraced` or less                       1 less retraced
3     pullback        pace of `min_pace`; retraced `pullback_retraced` or less                      1 less retraced
0     none            else, before the average true range is known, and outside of the hours       0
====  ==============  ===========================================================================  =====================

The average true range is Wilder's over `atr_period` bars, up to this one. Every rule but the first needs two bars of
the session. A bar without a price is passed over and missing in its row, as are bars without a session.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import Field, model_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import (
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    SESSION,
    SESSION_CLOSE,
    SESSION_OPEN,
    TRUE_RANGE,
    TS_CLOSE,
    VOLUME,
)

_NONE, _DRIVE, _IMPULSE, _PULLBACK, _CONSOLIDATION, _EXHAUSTION = map(float, range(6))
_MINUTE_US: Final = 60e6
_N_RANGES, _ATR, _DAY, _BARS, _OPENED, _HIGH, _LOW, _HIGH_AT, _LOW_AT, _IS_UP, _TRADED, _N_TRADED, _SIZE = range(13)
_ATR_PERIOD, _MINUTES, _DRIVE_FRAC, _MIN_PACE, _CLIMAX, _QUIET_BARS, _QUIET, _NEAR, _FAR = range(9)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: true ranges so far, their average, session, and of its hours: bars, first open, high, low, bars at which
    # they were, is the high the newer one, volume and bars that have one
    period, n_quiet = params[_ATR_PERIOD], int(params[_QUIET_BARS])
    for i in range(first, stop):
        row = i - first
        opened, high, low, close, width = x[OPEN, i], x[HIGH, i], x[LOW, i], x[CLOSE, i], x[TRUE_RANGE, i]
        out[row, k], out[row, k + 1] = np.nan, np.nan
        if not np.isnan(width):
            state[_N_RANGES] += 1.0
            count = min(state[_N_RANGES], period)
            state[_ATR] += (width - state[_ATR]) / count
        if np.isnan(opened + high + low + close + x[SESSION, i]):
            continue
        out[row, k], out[row, k + 1] = _NONE, 0.0
        if not x[SESSION_OPEN, i] < x[TS_CLOSE, i] <= x[SESSION_CLOSE, i]:
            continue

        if state[_BARS] == 0.0 or x[SESSION, i] != state[_DAY]:
            state[_DAY], state[_BARS], state[_OPENED], state[_TRADED], state[_N_TRADED] = (
                x[SESSION, i],
                0.0,
                opened,
                0.0,
                0.0,
            )
            state[_HIGH], state[_LOW] = -np.inf, np.inf
        state[_BARS] += 1.0
        bars = state[_BARS]
        is_high, is_low = high > state[_HIGH], low < state[_LOW]
        if is_high:
            state[_HIGH], state[_HIGH_AT] = high, bars
        if is_low:
            state[_LOW], state[_LOW_AT] = low, bars
        if is_high or is_low:
            state[_IS_UP] = 1.0 if is_high and (close >= opened or not is_low) else 0.0
        usual, volume = state[_TRADED] / state[_N_TRADED], x[VOLUME, i]
        if not np.isnan(volume):
            state[_TRADED] += volume
            state[_N_TRADED] += 1.0

        atr = state[_ATR]
        if state[_N_RANGES] < period or not atr > 0.0:
            continue
        reach = state[_HIGH] - state[_LOW]
        share = abs(close - state[_OPENED]) / reach
        is_early = x[TS_CLOSE, i] - x[SESSION_OPEN, i] <= params[_MINUTES] * _MINUTE_US
        if is_early and share >= params[_DRIVE_FRAC] and reach >= atr * np.sqrt(bars):
            out[row, k], out[row, k + 1] = _DRIVE, share
            continue
        if bars < 2.0:
            continue
        is_up = state[_IS_UP] > 0.0
        pace = reach / (atr * np.sqrt(abs(state[_HIGH_AT] - state[_LOW_AT]) + 1.0))
        age = bars - (state[_HIGH_AT] if is_up else state[_LOW_AT])
        given_back = (high - close if is_up else close - low) / (high - low)
        effort = volume / usual if usual > 0.0 else width / atr
        if pace >= params[_MIN_PACE] and age <= 1.0 and effort >= params[_CLIMAX] and given_back > 0.5:
            out[row, k], out[row, k + 1] = _EXHAUSTION, given_back
            continue
        if bars >= n_quiet:
            top, bottom = high, low
            for j in range(1, n_quiet):
                top = x[HIGH, i - j] if x[HIGH, i - j] > top else top
                bottom = x[LOW, i - j] if x[LOW, i - j] < bottom else bottom
            narrow = (top - bottom) / (params[_QUIET] * atr * np.sqrt(params[_QUIET_BARS]))
            if narrow <= 1.0:
                out[row, k], out[row, k + 1] = _CONSOLIDATION, 1.0 - narrow
                continue
        retraced = (state[_HIGH] - close if is_up else close - state[_LOW]) / reach
        if pace >= params[_MIN_PACE] and retraced <= params[_FAR]:
            out[row, k] = _IMPULSE if retraced <= params[_NEAR] else _PULLBACK
            out[row, k + 1] = 1.0 - retraced


class DayPhaseParams(Params):
    """Parameters of `day_phase`; the module says what each does."""

    atr_period: int = Field(default=14, ge=2)
    opening_minutes: float = Field(default=30.0, gt=0)
    drive_frac: float = Field(default=2.0 / 3.0, gt=0, le=1)
    min_pace: float = Field(default=1.25, gt=0)
    climax: float = Field(default=2.0, gt=0)
    quiet_bars: int = Field(default=10, ge=2)
    quiet: float = Field(default=0.6, gt=0)
    impulse_retraced: float = Field(default=0.25, gt=0, lt=1)
    pullback_retraced: float = Field(default=0.618, gt=0, lt=1)

    @model_validator(mode="after")
    def _differ(self) -> DayPhaseParams:
        if self.impulse_retraced >= self.pullback_retraced:
            raise ValueError(
                f"impulse_retraced ({self.impulse_retraced}) is not less than pullback_retraced "
                f"({self.pullback_retraced}); swap them"
            )
        return self


@bank
def day_phase(params: DayPhaseParams) -> Bank:
    """Return the bank; the module's docstring has the rule."""
    source = "rule of this module"
    return Bank(
        inputs=(TS_CLOSE, OPEN, HIGH, LOW, CLOSE, VOLUME, SESSION, SESSION_OPEN, SESSION_CLOSE),
        outputs=(
            Feature(
                "day_phase",
                "code",
                "Phase of the session: 0 none, 1 opening drive, 2 impulse, 3 pullback, 4 consolidation, 5 exhaustion, "
                "by a fixed rule from open, range, average true range and volume of the session so far",
                0,
                source,
            ),
            Feature(
                "day_phase_strength",
                "0..1",
                "How clear the phase is: share of the range that was driven, of the leg that is kept, of the bar that "
                "was given back, or of the width that is not used; 0 for none",
                0,
                source,
            ),
        ),
        params=(
            params.atr_period,
            params.opening_minutes,
            params.drive_frac,
            params.min_pace,
            params.climax,
            params.quiet_bars,
            params.quiet,
            params.impulse_retraced,
            params.pullback_retraced,
        ),
        state_size=_SIZE,
        lookback=params.quiet_bars - 1,
        step=_step,
    )
