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
4     consolidation   the range of the last `quiet_bars` bars is at most `quiet` times the         1 less that range
                      average true range and the square root of their number                       over its limit
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
_STATE_SIZE: Final = 12


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: true ranges so far and their average; the session; of its hours bars, first open, high, low, the bars of
    # both, whether the high is the newer one, volume and the bars that have one
    period, n_quiet, min_pace, quiet = params[0], int(params[5]), params[3], params[6] * np.sqrt(params[5])
    n_ranges, atr, day, bars, session_open = state[0], state[1], state[2], state[3], state[4]
    top, bottom, top_bar, bottom_bar, is_up = state[5], state[6], state[7], state[8], state[9] > 0.0
    traded, n_traded = state[10], state[11]
    for i in range(first, stop):
        row = i - first
        opened, high, low, close, width = x[OPEN, i], x[HIGH, i], x[LOW, i], x[CLOSE, i], x[TRUE_RANGE, i]
        phase, strength = _NONE, 0.0
        if not np.isnan(width):
            n_ranges += 1.0
            atr += (width - atr) / min(n_ranges, period)
        if np.isnan(opened + high + low + close + x[SESSION, i]):
            phase = strength = np.nan
        elif x[SESSION_OPEN, i] < x[TS_CLOSE, i] <= x[SESSION_CLOSE, i]:
            if bars == 0.0 or x[SESSION, i] != day:
                day, bars, session_open, traded, n_traded = x[SESSION, i], 0.0, opened, 0.0, 0.0
                top, bottom = -np.inf, np.inf
            bars += 1.0
            is_high, is_low = high > top, low < bottom
            if is_high:
                top, top_bar = high, bars
            if is_low:
                bottom, bottom_bar = low, bars
            if is_high or is_low:
                is_up = is_high and (close >= opened or not is_low)
            volume = x[VOLUME, i]
            effort = volume * n_traded / traded if traded > 0.0 else width / atr
            if not np.isnan(volume):
                traded += volume
                n_traded += 1.0

            reach = top - bottom
            drive = abs(close - session_open) / reach
            retraced = (top - close if is_up else close - bottom) / reach
            given_back = (high - close if is_up else close - low) / (high - low)
            age = bars - (top_bar if is_up else bottom_bar)
            is_fast = reach >= min_pace * atr * np.sqrt(abs(top_bar - bottom_bar) + 1.0)
            is_early = x[TS_CLOSE, i] - x[SESSION_OPEN, i] <= params[1] * _MINUTE_US
            narrow = np.inf
            if bars >= n_quiet:
                highest, lowest = high, low
                for j in range(i - n_quiet + 1, i):
                    highest = x[HIGH, j] if x[HIGH, j] > highest else highest
                    lowest = x[LOW, j] if x[LOW, j] < lowest else lowest
                narrow = (highest - lowest) / (quiet * atr)

            if n_ranges < period or not atr > 0.0:
                pass
            elif is_early and drive >= params[2] and reach >= atr * np.sqrt(bars):
                phase, strength = _DRIVE, drive
            elif bars < 2.0:
                pass
            elif is_fast and age <= 1.0 and effort >= params[4] and given_back > 0.5:
                phase, strength = _EXHAUSTION, given_back
            elif narrow <= 1.0:
                phase, strength = _CONSOLIDATION, 1.0 - narrow
            elif is_fast and retraced <= params[8]:
                phase, strength = _IMPULSE if retraced <= params[7] else _PULLBACK, 1.0 - retraced
        out[row, k] = phase
        out[row, k + 1] = strength
    state[0], state[1], state[2], state[3], state[4] = n_ranges, atr, day, bars, session_open
    state[5], state[6], state[7], state[8], state[9] = top, bottom, top_bar, bottom_bar, 1.0 if is_up else 0.0
    state[10], state[11] = traded, n_traded


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
        inputs=(TS_CLOSE, OPEN, HIGH, LOW, CLOSE, VOLUME, SESSION, SESSION_OPEN, SESSION_CLOSE, TRUE_RANGE),
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
        state_size=_STATE_SIZE,
        lookback=params.quiet_bars - 1,
        step=_step,
    )
