"""The side of the MACD line about its signal line."""

from __future__ import annotations

from typing import Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tsis.core.jit import jit
from tsis.core.rule_strategy import ENTRY, SIDE, Array, RuleParams, RuleStrategy, Stances
from tsis.core.stream import CLOSE
from tsis.kernels.macd import MACD_STATE, macd_rows

_EQUAL: Final = 1e-12
"""Lines that differ by less of the close are equal: a flat price must not cross itself by a rounding error."""


class MacdRuleParams(RuleParams):
    """The averages.

    Parameters
    ----------
    fast, slow : periods of the averages of the close.
    signal : period of the average of their difference.
    """

    kind: Literal["macd"] = "macd"
    fast: int = Field(default=12, ge=1)
    slow: int = Field(default=26, ge=2)
    signal: int = Field(default=9, ge=2)

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be less than slow ({self.slow})")
        return self


@jit
def _step(x: Array, numbers: Array, state: Array, out: Stances) -> None:
    # state: the side, then that of the averages
    n = x.shape[1]
    given, lines = np.empty((CLOSE + 1, n)), np.empty((n, 3))
    given[CLOSE] = x[0]
    macd_rows(given, 0, n, numbers, state[1:], lines, 0)
    before = state[0]
    for i in range(n):
        above, side = lines[i, 2], before
        if abs(above) > _EQUAL * x[0, i]:
            side = 1.0 if above > 0.0 else -1.0
        out[SIDE, i] = int(side)
        out[ENTRY, i] = int(side * before < 0.0)
        before = side
    state[0] = before


MACD = RuleStrategy(
    kind="macd",
    description="Long while the MACD line is above its signal line, short below; enters at a cross",
    source="Appel (1979)",
    inputs=("close",),
    params=MacdRuleParams,
    numbers=lambda params: (params.fast, params.slow, params.signal),
    initial_state=lambda _: np.zeros(1 + MACD_STATE),
    warm_up_bars=lambda params: params.slow + params.signal - 2,
    step=_step,
)
