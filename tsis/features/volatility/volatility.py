"""Exponentially weighted volatility of the returns per bar.

A bar without a return, such as the first, has no value and leaves the weights as they are.
"""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE

_HEAD = 1
_STATE = 4


class VolatilityParams(Params):
    """Parameters of `volatility`.

    Parameters
    ----------
    spans : of the weights; a span is also the number of returns before the first value.
    """

    spans: Periods = (20, 100)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # params: spans, what is left of a weight after a bar. State: returns so far; for each span the sum of weights, that
    # of their squares, mean, weighted squares (Welford)
    m, count = params.shape[0] // 2, state[0]
    for i in range(first, stop):
        value = x[CLOSE, i] / x[CLOSE, i - 1] - 1.0
        if np.isnan(value):
            for j in range(m):
                out[i - first, k + j] = np.nan
            continue
        count += 1.0
        for j in range(m):
            span, decay, at = params[j], params[m + j], _HEAD + _STATE * j
            weight = decay * state[at] + 1.0
            weight2 = decay * decay * state[at + 1] + 1.0
            deviation = value - state[at + 2]
            mean = state[at + 2] + deviation / weight
            squares = decay * state[at + 3] + deviation * (value - mean)
            state[at], state[at + 1], state[at + 2], state[at + 3] = weight, weight2, mean, squares
            is_warm = count >= span
            out[i - first, k + j] = np.sqrt(squares / (weight - weight2 / weight)) if is_warm else np.nan
    state[0] = count


@bank
def volatility(params: VolatilityParams) -> Bank:
    """Return the bank: a standard deviation a span."""
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
            for span in params.spans
        ),
        params=(*params.spans, *(1.0 - 2.0 / (span + 1.0) for span in params.spans)),
        state_size=_HEAD + _STATE * len(params.spans),
        step=_step,
        lookback=1,
    )
