"""Average true range."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, HIGH, LOW
from tsis.kernels.indicators import WILDER_STATE, wilder

_PERIOD = 14


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: whether there is a close before, that close, average true range
    for i in range(first, stop):
        high, low, close = x[HIGH, i], x[LOW, i], x[CLOSE, i]
        out[i - first, k] = np.nan
        if state[0] > 0.0:
            true_range = max(high, state[1]) - min(low, state[1])
            out[i - first, k] = wilder(true_range, params[0], state[2:]) / close
        state[0], state[1] = 1.0, close


class AtrParams(Params):
    """Parameters of `atr`."""


@bank
def atr(params: AtrParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(HIGH, LOW, CLOSE),
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
