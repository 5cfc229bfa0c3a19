"""The side of the faster of two simple moving averages."""

from __future__ import annotations

from typing import Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tsis.core.jit import jit
from tsis.core.rule_strategy import ENTRY, SIDE, Array, RuleParams, RuleStrategy, Stances
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_EQUAL: Final = 1e-12
"""Averages that differ by less, relatively, are equal: a flat price must not cross itself by a rounding error."""


class SmaCrossParams(RuleParams):
    """The two averages of the close.

    Parameters
    ----------
    fast, slow : bars of each.
    """

    kind: Literal["sma_cross"] = "sma_cross"
    fast: int = Field(default=20, ge=1)
    slow: int = Field(default=50, ge=2)

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be less than slow ({self.slow})")
        return self


@jit
def _step(x: Array, numbers: Array, state: Array, out: Stances) -> None:
    # state: side; windows of both sums
    fast, slow, n = int(numbers[0]), int(numbers[1]), x.shape[1]
    near, far = np.empty(n), np.empty(n)
    rolling_sum(x[0], fast, state, 1, near)
    rolling_sum(x[0], slow, state, 1 + ROLLING_HEAD + fast, far)
    before = state[0]
    for i in range(n):
        level = far[i] / slow
        above = near[i] / fast - level
        side = before
        if abs(above) > _EQUAL * level:
            side = 1.0 if above > 0.0 else -1.0
        out[SIDE, i] = int(side)
        out[ENTRY, i] = int(side * before < 0.0)
        before = side
    state[0] = before


SMA_CROSS = RuleStrategy(
    kind="sma_cross",
    description="Long while the faster average of the close is above the slower one, short below; enters at a cross",
    source="Brock, Lakonishok and LeBaron (1992), variable-length moving average",
    inputs=("close",),
    params=SmaCrossParams,
    numbers=lambda params: (params.fast, params.slow),
    initial_state=lambda params: np.zeros(1 + 2 * ROLLING_HEAD + params.fast + params.slow),
    warm_up_bars=lambda params: params.slow - 1,
    step=_step,
)
