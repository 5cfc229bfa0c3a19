"""Exponentially weighted volatility of the returns per bar."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE
from tsis.kernels.indicators import EWM_STATE, ewm_std

_SPANS = (20, 100)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars so far, then one recursion a span
    returns, written = np.empty(stop - first), np.empty(stop - first)
    for i in range(first, stop):
        returns[i - first] = x[CLOSE, i] / x[CLOSE, i - 1] - 1.0
    for j in range(params.shape[0]):
        start = 1 + EWM_STATE * j
        ewm_std(returns, params[j], state[start : start + EWM_STATE], written)
        for i in range(first, stop):
            is_warm = state[0] + i - first >= params[j]
            out[i - first, k + j] = written[i - first] if is_warm else np.nan
    state[0] += stop - first


class VolatilityParams(Params):
    """Parameters of `volatility`."""


@bank
def volatility(params: VolatilityParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
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
        state_size=1 + EWM_STATE * len(_SPANS),
        step=_step,
        lookback=1,
    )
