"""Average true range."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature
from tsis.core.jit import jit
from tsis.kernels.indicators import WILDER_STATE, wilder

_PERIOD = 14


@jit
def _step(x: Array, params: Array, state: Array, out: Array) -> None:
    # state: whether there is a close before, that close, average true range
    for i in range(x.shape[1]):
        high, low, close = x[0, i], x[1, i], x[2, i]
        out[0, i] = np.nan
        if state[0] > 0.0:
            true_range = max(high, state[1]) - min(low, state[1])
            out[0, i] = wilder(true_range, params[0], state[2:]) / close
        state[0], state[1] = 1.0, close


bank = Bank(
    inputs=("high", "low", "close"),
    outputs=(
        Feature(
            f"atr_frac_{_PERIOD}",
            "frac",
            f"Average true range of {_PERIOD} bars over the close",
            _PERIOD,
            "Wilder (1978), TA-Lib ATR",
        ),
    ),
    params=(_PERIOD,),
    state_size=2 + WILDER_STATE,
    step=_step,
)
