"""The direction of the last move that the CUSUM filter saw."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tsis.core.jit import jit
from tsis.core.rule_strategy import ENTRY, SIDE, Array, RuleParams, RuleStrategy, Stances
from tsis.kernels.cusum import CUSUM_STATE, cusum_filter
from tsis.kernels.log_return import log_return


class CusumMomentumParams(RuleParams):
    """The threshold of the symmetric CUSUM filter on log returns; give one of the two.

    Parameters
    ----------
    multiple : in multiples of the volatility per bar at that bar.
    threshold_frac : fixed.
    """

    kind: Literal["cusum_momentum"] = "cusum_momentum"
    multiple: float | None = Field(default=None, gt=0)
    threshold_frac: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if (self.multiple is None) == (self.threshold_frac is None):
            raise ValueError("cusum_momentum takes one threshold: give multiple, or threshold_frac")
        return self


@jit
def _step(x: Array, numbers: Array, state: Array, out: Stances) -> None:
    # state: side; sums of the filter; logarithm of the last close
    n, multiple = x.shape[1], numbers[0]
    returns, threshold, found = np.empty(n), np.full(n, numbers[1]), np.empty(n, dtype=np.int8)
    if multiple > 0.0:
        for i in range(n):
            threshold[i] = multiple * x[1, i]
    log_return(x[0], state[1 + CUSUM_STATE :], returns)
    cusum_filter(returns, threshold, state[1 : 1 + CUSUM_STATE], found)
    side = state[0]
    for i in range(n):
        if found[i] != 0:
            side = float(found[i])
        out[SIDE, i] = int(side)
        out[ENTRY, i] = int(found[i] != 0)
    state[0] = side


CUSUM_MOMENTUM = RuleStrategy(
    kind="cusum_momentum",
    description="The direction in which the CUSUM filter fired last; enters wherever it fires",
    source="AFML 2.5.2.1, snippet 2.4",
    inputs=("close", "target"),
    params=CusumMomentumParams,
    numbers=lambda params: (params.multiple or 0.0, params.threshold_frac or np.nan),
    initial_state=lambda _: np.concatenate((np.zeros(1 + CUSUM_STATE), [np.nan])),
    warm_up_bars=lambda _: 1,
    step=_step,
)
