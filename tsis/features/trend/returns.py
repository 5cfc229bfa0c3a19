"""Log returns of the close over several numbers of bars."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Lags
from tsis.core.stream import CLOSE, LOG_RETURN


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:  # noqa: ARG001
    for j in range(params.shape[0]):
        lag = int(params[j])
        for i in range(first, stop):
            out[i - first, k + j] = x[LOG_RETURN, i] if lag == 1 else np.log(x[CLOSE, i] / x[CLOSE, i - lag])


class ReturnsParams(Params):
    """Parameters of `returns`.

    Parameters
    ----------
    lags : bars between the two closes.
    """

    lags: Lags = (1, 5, 20)


@bank
def returns(params: ReturnsParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE, LOG_RETURN),
        outputs=tuple(
            Feature(
                f"log_return_{lag}",
                "log frac",
                f"Logarithm of the close over that of {lag} bars before",
                lag,
                "AFML 2.4",
            )
            for lag in params.lags
        ),
        params=params.lags,
        state_size=0,
        step=_step,
        lookback=max(params.lags),
    )
