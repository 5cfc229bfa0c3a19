"""Distance of the close from its exponential moving averages."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature
from tsis.core.jit import jit

_SPANS = (10, 20, 50, 100)


@jit
def _step(x: Array, params: Array, state: Array, out: Array) -> None:
    # state: bars so far, then one average a span; it is a sum until the span is full
    averages = state[1:]
    for i in range(x.shape[1]):
        close = x[0, i]
        state[0] += 1.0
        for j in range(params.shape[0]):
            span = params[j]
            if state[0] <= span:
                averages[j] += close
                if state[0] == span:
                    averages[j] /= span
            else:
                averages[j] += (close - averages[j]) * (2.0 / (span + 1.0))
            out[j, i] = close / averages[j] - 1.0 if state[0] >= span else np.nan


bank = Bank(
    inputs=("close",),
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
