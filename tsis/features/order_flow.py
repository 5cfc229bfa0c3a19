"""Who was the aggressor."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature
from tsis.core.jit import jit
from tsis.kernels.rolling import push

_WINDOW = 20


@jit
def _step(x: Array, params: Array, state: Array, out: Array) -> None:
    # state: bars with trades so far, ring of imbalances, ring of volumes
    window = int(params[0])
    imbalances, volumes = state[1 : 1 + window], state[1 + window :]
    for i in range(x.shape[1]):
        imbalance, volume = x[0, i] - x[1, i], x[2, i]
        out[0, i], out[1, i] = np.nan, np.nan
        if np.isnan(imbalance) or volume <= 0.0:
            continue
        push(imbalances, int(state[0]), imbalance)
        push(volumes, int(state[0]), volume)
        state[0] += 1.0
        out[0, i] = imbalance / volume
        if state[0] >= window:
            out[1, i] = imbalances.sum() / volumes.sum()


bank = Bank(
    inputs=("buy_volume", "sell_volume", "volume"),
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
