"""Relative strength index."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature
from tsis.core.jit import jit
from tsis.kernels.indicators import WILDER_STATE, wilder

_PERIOD = 14


@jit
def _step(x: Array, params: Array, state: Array, out: Array) -> None:
    # state: whether there is a close before, that close, average gain, average loss
    gains, losses = state[2 : 2 + WILDER_STATE], state[2 + WILDER_STATE :]
    for i in range(x.shape[1]):
        close = x[0, i]
        out[0, i] = np.nan
        if state[0] > 0.0:
            change = close - state[1]
            gain = wilder(max(change, 0.0), params[0], gains)
            loss = wilder(max(-change, 0.0), params[0], losses)
            if gain + loss > 0.0:
                out[0, i] = 100.0 * gain / (gain + loss)
        state[0], state[1] = 1.0, close


bank = Bank(
    inputs=("close",),
    outputs=(
        Feature(
            f"rsi_{_PERIOD}",
            "points",
            f"Relative strength index of {_PERIOD} bars, 0 to 100; null where no price has changed",
            _PERIOD,
            "Wilder (1978), TA-Lib RSI",
        ),
    ),
    params=(_PERIOD,),
    state_size=2 + 2 * WILDER_STATE,
    step=_step,
)
