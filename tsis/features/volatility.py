"""Exponentially weighted volatility of the returns per bar."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature
from tsis.core.jit import jit
from tsis.kernels.indicators import EWM_STATE, ewm_std

_SPANS = (20, 100)


@jit
def _step(x: Array, params: Array, state: Array, out: Array) -> None:
    # state: bars so far, the close before, then one recursion a span
    n = x.shape[1]
    returns = np.empty(n)
    count, before = state[0], state[1]
    for i in range(n):
        returns[i] = x[0, i] / before - 1.0 if count + i > 0.0 else np.nan
        before = x[0, i]
    for j in range(params.shape[0]):
        start = 2 + EWM_STATE * j
        ewm_std(returns, params[j], state[start : start + EWM_STATE], out[j])
        for i in range(n):
            if count + i < params[j]:
                out[j, i] = np.nan
    state[0], state[1] = count + n, before


bank = Bank(
    inputs=("close",),
    outputs=tuple(
        Feature(
            f"volatility_{span}",
            "frac",
            f"Standard deviation of simple returns per bar, exponential weights of span {span}, unbiased",
            span,
            "AFML 3.1 per bar; pandas ewm(span).std()",
        )
        for span in _SPANS
    ),
    params=_SPANS,
    state_size=2 + EWM_STATE * len(_SPANS),
    step=_step,
)
