"""Relative strength index."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE
from tsis.kernels.indicators import WILDER_STATE, wilder

_PERIOD = 14


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: whether there is a close before, that close, average gain, average loss
    gains, losses = state[2 : 2 + WILDER_STATE], state[2 + WILDER_STATE :]
    for i in range(first, stop):
        close = x[CLOSE, i]
        out[i - first, k] = np.nan
        if state[0] > 0.0:
            change = close - state[1]
            gain = wilder(max(change, 0.0), params[0], gains)
            loss = wilder(max(-change, 0.0), params[0], losses)
            if gain + loss > 0.0:
                out[i - first, k] = 100.0 * gain / (gain + loss)
        state[0], state[1] = 1.0, close


class RsiParams(Params):
    """Parameters of `rsi`."""


@bank
def rsi(params: RsiParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
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
