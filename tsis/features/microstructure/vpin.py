"""Toxicity of order flow: the volume-synchronised probability of informed trading."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import BUY_VOLUME, SELL_VOLUME, VOLUME
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_SUMS: Final = 2


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each window the sums of imbalance and volume
    values, sums = np.empty((_SUMS, stop - first)), np.empty((_SUMS, stop - first))
    for i in range(first, stop):
        values[0, i - first], values[1, i - first] = abs(x[BUY_VOLUME, i] - x[SELL_VOLUME, i]), x[VOLUME, i]
    at = 0
    for j in range(params.shape[0]):
        n = int(params[j])
        for value in range(_SUMS):
            rolling_sum(values[value], n, state, at, sums[value])
            at += ROLLING_HEAD + n
        for row in range(stop - first):
            volume, volumes = values[1, row], sums[1, row]
            out[row, k + 2 * j] = sums[0, row] / (n * volume) if volume > 0.0 else np.nan
            out[row, k + 2 * j + 1] = sums[0, row] / volumes if volumes > 0.0 else np.nan


class VpinParams(Params):
    """Parameters of `vpin`.

    Parameters
    ----------
    windows : bars over which imbalances are taken; 50 in the paper.
    """

    windows: Periods = (50,)


@bank
def vpin(params: VpinParams) -> Bank:
    """Return the bank; NaN in windows with a bar without trades."""
    source = "Easley, Lopez de Prado and O'Hara (2012), AFML 19.5.2"
    return Bank(
        inputs=(VOLUME, BUY_VOLUME, SELL_VOLUME),
        outputs=tuple(
            item
            for n in params.windows
            for item in (
                Feature(
                    f"vpin_{n}",
                    "frac",
                    f"Mean of |buy_volume - sell_volume| over the last {n} bars, divided by the volume of the bar: "
                    "exact for volume bars, of which each has the same",
                    n - 1,
                    source,
                ),
                Feature(
                    f"vpin_weighted_{n}",
                    "frac",
                    f"Sum of |buy_volume - sell_volume| over the last {n} bars, divided by the sum of their volume: "
                    "the same for volume bars, and 0 to 1 for all others",
                    n - 1,
                    source,
                ),
            )
        ),
        params=params.windows,
        state_size=_SUMS * sum(ROLLING_HEAD + n for n in params.windows),
        step=_step,
    )
