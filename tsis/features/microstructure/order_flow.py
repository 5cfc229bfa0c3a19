"""Who was the aggressor."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import BUY_VOLUME, SELL_VOLUME, VOLUME
from tsis.kernels.rolling import push

_WINDOW = 20


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars with trades so far, ring of imbalances, ring of volumes
    window = int(params[0])
    imbalances, volumes = state[1 : 1 + window], state[1 + window :]
    for i in range(first, stop):
        imbalance, volume = x[BUY_VOLUME, i] - x[SELL_VOLUME, i], x[VOLUME, i]
        out[i - first, k], out[i - first, k + 1] = np.nan, np.nan
        if np.isnan(imbalance) or volume <= 0.0:
            continue
        push(imbalances, int(state[0]), imbalance)
        push(volumes, int(state[0]), volume)
        state[0] += 1.0
        out[i - first, k] = imbalance / volume
        if state[0] >= window:
            out[i - first, k + 1] = imbalances.sum() / volumes.sum()


class OrderFlowParams(Params):
    """Parameters of `order_flow`."""


@bank
def order_flow(params: OrderFlowParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(BUY_VOLUME, SELL_VOLUME, VOLUME),
        outputs=(
            Feature(
                "buy_pressure",
                "frac",
                "(buy_volume - sell_volume) / volume of the bar, -1 to 1; null in series without trades",
                0,
                "AFML 2.3.2",
            ),
            Feature(
                f"buy_pressure_{_WINDOW}",
                "frac",
                f"The same over the last {_WINDOW} bars with trades, as a ratio of sums",
                _WINDOW - 1,
                "AFML 2.3.2",
            ),
        ),
        params=(_WINDOW,),
        state_size=1 + 2 * _WINDOW,
        step=_step,
    )
