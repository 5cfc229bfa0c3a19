"""Log returns over several numbers of bars."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE
from tsis.kernels.rolling import push

_LAGS = (1, 5, 20)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars so far, ring of as many closes as the longest lag
    ring = state[1:]
    for i in range(first, stop):
        count = int(state[0])
        for j in range(params.shape[0]):
            lag = int(params[j])
            out[i - first, k + j] = (
                np.log(x[CLOSE, i] / ring[(count - lag) % ring.shape[0]]) if count >= lag else np.nan
            )
        push(ring, count, x[CLOSE, i])
        state[0] += 1.0


class ReturnsParams(Params):
    """Parameters of `returns`."""


@bank
def returns(params: ReturnsParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(f"log_return_{lag}", "log frac", f"Log return of the close over {lag} bars", lag, "AFML 2.4")
            for lag in _LAGS
        ),
        params=_LAGS,
        state_size=1 + max(_LAGS),
        step=_step,
    )
