"""Distance of the close from its exponential moving averages."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE

_SPANS = (10, 20, 50, 100)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars so far, then one average a span; it is a sum until the span is full
    averages = state[1:]
    for i in range(first, stop):
        close = x[CLOSE, i]
        state[0] += 1.0
        for j in range(params.shape[0]):
            span = params[j]
            if state[0] <= span:
                averages[j] += close
                if state[0] == span:
                    averages[j] /= span
            else:
                averages[j] += (close - averages[j]) * (2.0 / (span + 1.0))
            out[i - first, k + j] = close / averages[j] - 1.0 if state[0] >= span else np.nan


class EmaDistanceParams(Params):
    """Parameters of `ema_distance`."""


@bank
def ema_distance(params: EmaDistanceParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"ema_distance_{span}",
                "frac",
                f"Close over its exponential moving average of span {span}, less 1; seeded with the simple mean",
                span - 1,
                "TA-Lib EMA",
            )
            for span in _SPANS
        ),
        params=_SPANS,
        state_size=1 + len(_SPANS),
        step=_step,
    )
