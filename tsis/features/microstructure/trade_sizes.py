"""How trades are cut: their mean size and the entropy of their sizes."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import N_TICKS, TRADE_SIZE_ENTROPY, VOLUME


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:  # noqa: ARG001
    for i in range(first, stop):
        count = x[N_TICKS, i]
        out[i - first, k] = x[TRADE_SIZE_ENTROPY, i]
        out[i - first, k + 1] = x[VOLUME, i] / count if count > 0.0 else np.nan


class TradeSizesParams(Params):
    """Parameters of `trade_sizes`."""


@bank
def trade_sizes(params: TradeSizesParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(N_TICKS, VOLUME, TRADE_SIZE_ENTROPY),
        outputs=(
            Feature(
                "trade_size_entropy",
                "bits",
                "Shannon entropy of the sizes of the bar's trades in classes, each of which begins at twice the size "
                "of the one before; null without trades",
                0,
                "Shannon (1948), AFML 19.6.1",
            ),
            Feature("mean_trade_size", "units", "Volume over number of trades", 0, "AFML 19.6.1"),
        ),
        params=(),
        state_size=0,
        step=_step,
    )
