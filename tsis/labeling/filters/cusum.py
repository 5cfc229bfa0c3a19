"""Events where the cumulated move since the last one is large."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tsis.core.event_filter import Array, Directions, EventFilter, FilterParams
from tsis.kernels.cusum import CUSUM_STATE, cusum_filter
from tsis.kernels.log_return import initial_log_return, log_return


class CusumParams(FilterParams):
    """The threshold of the symmetric CUSUM filter on log returns; give one of the two.

    Parameters
    ----------
    multiple : in multiples of the volatility per bar at that bar.
    threshold_frac : fixed.
    """

    kind: Literal["cusum"] = "cusum"
    multiple: float | None = Field(default=None, gt=0)
    threshold_frac: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if (self.multiple is None) == (self.threshold_frac is None):
            raise ValueError("cusum takes one threshold: give multiple, or threshold_frac")
        return self


def _initial_state(_: CusumParams) -> Array:
    return np.concatenate((np.zeros(CUSUM_STATE), initial_log_return()))


def _run(x: Array, params: CusumParams, state: Array) -> Directions:
    close, target = x
    returns = np.empty(close.size)
    log_return(close, state[CUSUM_STATE:], returns)
    if params.multiple is not None:
        threshold = params.multiple * target
    else:
        threshold = np.full(close.size, params.threshold_frac, dtype=np.float64)
    out = np.empty(close.size, dtype=np.int8)
    cusum_filter(returns, threshold, state[:CUSUM_STATE], out)
    return out


CUSUM = EventFilter(
    kind="cusum",
    description="The log returns since the last event sum to more than the threshold, upwards or downwards",
    source="AFML 2.5.2.1, snippet 2.4",
    inputs=("close", "target"),
    params=CusumParams,
    initial_state=_initial_state,
    run=_run,
)
