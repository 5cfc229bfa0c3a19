"""The side of a fair value gap to which the price comes back."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tsis.core.jit import jit
from tsis.core.rule_strategy import ENTRY, SIDE, Array, RuleParams, RuleStrategy, Stances

_BULLISH, _BEARISH = 6, 9


class FvgRetestParams(RuleParams):
    """Which gaps count, and for how long.

    Parameters
    ----------
    min_size : of a gap, in multiples of the volatility per bar at the close of its third bar, as a move of that close;
        with 0 every gap counts, also in the volatility's warm-up.
    max_age_bars : a gap that no bar has come back to for so long is forgotten.
    """

    kind: Literal["fvg_retest"] = "fvg_retest"
    min_size: float = Field(default=0.0, ge=0)
    max_age_bars: int = Field(default=50, ge=1)


@jit
def _retested(gap: Array, max_age: float, near: float, close: float) -> bool:
    """Return whether the bar comes back to the gap and holds; what is over is forgotten. Mirrored if bearish.

    gap : near edge, far edge, age in bars; NaN where there is none. near : the low, which is the extreme towards it.
    """
    gap[2] += 1.0
    if gap[2] > max_age or close < gap[1]:
        gap[:] = np.nan
    return bool(near <= gap[0])  # false for none


@jit
def _step(x: Array, numbers: Array, state: Array, out: Stances) -> None:
    # state: side, far edge of the gap that it rests on; high and low two bars ago, and one; gap below, gap above, the
    # latter in mirrored prices
    min_size, max_age = numbers[0], numbers[1]
    below, above = state[_BULLISH:_BEARISH], state[_BEARISH : _BEARISH + 3]
    for i in range(x.shape[1]):
        high, low, close, volatility = x[0, i], x[1, i], x[2, i], x[3, i]
        out[ENTRY, i] = 0
        if np.isnan(high + low + close):
            out[SIDE, i] = int(state[0])
            continue
        if state[0] * (close - state[1]) < 0.0:
            state[0] = 0.0
        up, down = _retested(below, max_age, low, close), _retested(above, max_age, -high, -close)
        if up or down:
            # of two at once the younger one counts
            is_long = up and not (down and above[2] < below[2])
            state[0], state[1] = (1.0, below[1]) if is_long else (-1.0, -above[1])
            out[ENTRY, i] = 1
        if up:
            below[:] = np.nan
        if down:
            above[:] = np.nan
        least = min_size * volatility * close if min_size > 0.0 else 0.0
        # comparisons with the NaN of the first bars, or of an unknown volatility, are false
        if low > state[2] and low - state[2] >= least:
            below[0], below[1], below[2] = low, state[2], 0.0
        if high < state[3] and state[3] - high >= least:
            above[0], above[1], above[2] = -high, -state[3], 0.0
        state[2], state[3], state[4], state[5] = state[4], state[5], high, low
        out[SIDE, i] = int(state[0])


FVG_RETEST = RuleStrategy(
    kind="fvg_retest",
    description="Long where a bar comes back to the youngest bullish gap of three bars and closes above its far edge, "
    "short likewise mirrored, until a close is beyond that edge",
    source="Gap of three bars; docs/fair-value-gaps.md",
    inputs=("high", "low", "close", "target"),
    params=FvgRetestParams,
    numbers=lambda params: (params.min_size, params.max_age_bars),
    initial_state=lambda _: np.concatenate(([0.0], np.full(_BEARISH + 2, np.nan))),
    warm_up_bars=lambda _: 3,
    step=_step,
)
