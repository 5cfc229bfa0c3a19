"""The side against a move whose strength index comes back from an extreme."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tsis.core.jit import jit
from tsis.core.rule_strategy import ENTRY, SIDE, Array, RuleParams, RuleStrategy, Stances
from tsis.core.stream import CLOSE
from tsis.kernels.rsi import rsi_params, rsi_rows, rsi_size


class RsiReversalParams(RuleParams):
    """The index and its levels.

    Parameters
    ----------
    period : of Wilder's averages.
    oversold, overbought : the extremes.
    middle : where a side is given up.
    """

    kind: Literal["rsi_reversal"] = "rsi_reversal"
    period: int = Field(default=14, ge=2)
    oversold: float = Field(default=30.0, gt=0, lt=100)
    overbought: float = Field(default=70.0, gt=0, lt=100)
    middle: float = Field(default=50.0, gt=0, lt=100)

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        if not self.oversold < self.middle < self.overbought:
            raise ValueError(f"{self.oversold:g} < {self.middle:g} < {self.overbought:g} must hold: the levels rise")
        return self


@jit
def _step(x: Array, numbers: Array, state: Array, out: Stances) -> None:
    # state: side, the index before; averages
    n, oversold, overbought, middle = x.shape[1], numbers[2], numbers[3], numbers[4]
    given, index = np.empty((CLOSE + 1, n)), np.empty((n, 1))
    given[CLOSE] = x[0]
    rsi_rows(given, 0, n, numbers[:2], state[2:], index, 0)
    side, before = state[0], state[1]
    for i in range(n):
        now, entry = index[i, 0], 0.0
        if not np.isnan(now):
            # comparisons with the NaN before the first index are false
            entry = 1.0 if before < oversold <= now else -1.0 if before > overbought >= now else 0.0
            if entry != 0.0:
                side = entry
            elif side * (now - middle) >= 0.0:
                side = 0.0
            before = now
        out[SIDE, i] = int(side)
        out[ENTRY, i] = int(entry != 0.0)
    state[0], state[1] = side, before


RSI_REVERSAL = RuleStrategy(
    kind="rsi_reversal",
    description="Long where the RSI rises back out of the oversold zone, short where it falls back out of the "
    "overbought one, until it reaches the middle",
    source="Wilder (1978)",
    inputs=("close",),
    params=RsiReversalParams,
    numbers=lambda params: (*rsi_params((params.period,)), params.oversold, params.overbought, params.middle),
    initial_state=lambda _: np.concatenate(([0.0, np.nan], np.zeros(rsi_size(1)))),
    warm_up_bars=lambda params: params.period + 1,
    step=_step,
)
