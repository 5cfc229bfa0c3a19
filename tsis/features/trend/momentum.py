"""Momentum: how far the close has moved."""

from __future__ import annotations

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Lags
from tsis.core.stream import CLOSE


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:  # noqa: ARG001
    for j in range(params.shape[0]):
        lag = int(params[j])
        for i in range(first, stop):
            out[i - first, k + j] = x[CLOSE, i] - x[CLOSE, i - lag]


class MomentumParams(Params):
    """Parameters of `momentum`.

    Parameters
    ----------
    lags : bars between the two closes.
    """

    lags: Lags = (10,)


@bank
def momentum(params: MomentumParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(f"momentum_{lag}", "quote", f"Close less that of {lag} bars before", lag, "TA-Lib MOM")
            for lag in params.lags
        ),
        params=params.lags,
        state_size=0,
        step=_step,
        lookback=max(params.lags),
    )
