"""The side of a gap between two sessions that the price goes on from."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tsis.core.jit import jit
from tsis.core.rule_strategy import ENTRY, SIDE, Array, RuleParams, RuleStrategy, Stances


class GapAndGoParams(RuleParams):
    """Which gaps count, and what must be broken.

    Parameters
    ----------
    min_gap_frac : from the last close before a session to its open.
    pause_s : a session begins with a bar that opens at least so long after the close before it.
    opening_bars : the close must leave the range of so many first bars of the session; 0 stands for the open alone, as
        daily bars, which are sessions of one bar, need it.
    """

    kind: Literal["gap_and_go"] = "gap_and_go"
    min_gap_frac: float = Field(default=0.01, gt=0)
    pause_s: float = Field(default=14_400.0, gt=0)
    opening_bars: int = Field(default=0, ge=0)


@jit
def _step(x: Array, numbers: Array, state: Array, out: Stances) -> None:
    # state: side; time and price of the last close; direction of the session's gap, the close before it, its bars, top
    # and bottom of what must be broken, whether it was
    min_gap, pause_us, opening_bars = numbers[0], numbers[1], numbers[2]
    side, closed_at, before, direction, origin, n_bars = state[0], state[1], state[2], state[3], state[4], state[5]
    top, bottom, is_broken = state[6], state[7], state[8]
    for i in range(x.shape[1]):
        open_, high, low, close = x[2, i], x[3, i], x[4, i], x[5, i]
        entry = False
        if not np.isnan(open_ + high + low + close):
            if x[0, i] - closed_at >= pause_us:
                gap = open_ / before - 1.0
                direction = 1.0 if gap >= min_gap else -1.0 if gap <= -min_gap else 0.0
                side, origin, n_bars, top, bottom, is_broken = 0.0, before, 0.0, open_, open_, 0.0
            n_bars += 1.0
            if direction * (close - origin) <= 0.0:
                side, direction = 0.0, 0.0  # the gap is filled, or there was none
            elif n_bars <= opening_bars:
                top, bottom = max(top, high), min(bottom, low)
            elif is_broken == 0.0 and (close > top if direction > 0.0 else close < bottom):
                side, is_broken, entry = direction, 1.0, True
            closed_at, before = x[1, i], close
        out[SIDE, i] = int(side)
        out[ENTRY, i] = int(entry)
    state[0], state[1], state[2], state[3], state[4], state[5] = side, closed_at, before, direction, origin, n_bars
    state[6], state[7], state[8] = top, bottom, is_broken


GAP_AND_GO = RuleStrategy(
    kind="gap_and_go",
    description="In the direction of the gap between two sessions, from the close that leaves the opening range on its "
    "side, once a session, until the gap is filled or the next session begins",
    source="Opening range breakout: Crabel (1990), after a gap",
    inputs=("ts_open", "ts_close", "open", "high", "low", "close"),
    params=GapAndGoParams,
    numbers=lambda params: (params.min_gap_frac, params.pause_s * 1e6, params.opening_bars),
    initial_state=lambda _: np.array([0.0, np.nan, np.nan, 0.0, np.nan, 0.0, np.nan, np.nan, 0.0]),
    warm_up_bars=lambda params: params.opening_bars + 1,
    step=_step,
)
