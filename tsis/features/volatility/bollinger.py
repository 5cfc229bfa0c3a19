"""Bollinger bands: where the close lies in them and how wide they are."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE
from tsis.kernels.rolling import push, ring_mean, ring_std

_WINDOW, _WIDTH = 20, 2.0


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars so far, ring of closes
    ring = state[1:]
    for i in range(first, stop):
        close = x[CLOSE, i]
        push(ring, int(state[0]), close)
        state[0] += 1.0
        out[i - first, k], out[i - first, k + 1] = np.nan, np.nan
        if state[0] >= params[0]:
            mean = ring_mean(ring)
            half = params[1] * ring_std(ring, mean, 0)
            if half > 0.0:
                out[i - first, k] = (close - mean + half) / (2.0 * half)
            out[i - first, k + 1] = 2.0 * half / mean


class BollingerParams(Params):
    """Parameters of `bollinger`."""


@bank
def bollinger(params: BollingerParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=(
            Feature(
                f"bollinger_pct_b_{_WINDOW}",
                "frac",
                f"Place of the close between the lower (0) and the upper (1) band of {_WINDOW} bars, mean plus and "
                f"minus {_WIDTH:g} standard deviations; null where they meet",
                _WINDOW - 1,
                "Bollinger (2001), TA-Lib BBANDS",
            ),
            Feature(
                f"bollinger_width_{_WINDOW}",
                "frac",
                "Distance between the bands over their mean",
                _WINDOW - 1,
                "Bollinger (2001), TA-Lib BBANDS",
            ),
        ),
        params=(_WINDOW, _WIDTH),
        state_size=1 + _WINDOW,
        step=_step,
    )
