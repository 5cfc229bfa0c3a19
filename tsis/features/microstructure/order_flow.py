"""Who was the aggressor: volume and trades of buyers against those of sellers."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import BUY_VOLUME, N_BUYS, N_SELLS, N_TICKS, SELL_VOLUME, VOLUME
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_SUMS: Final = 4


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each window the sums of signed volume, volume, signed trades, trades
    values, sums = np.empty((_SUMS, stop - first)), np.empty((_SUMS, stop - first))
    for i in range(first, stop):
        row = i - first
        signed, volume = x[BUY_VOLUME, i] - x[SELL_VOLUME, i], x[VOLUME, i]
        trades, count = x[N_BUYS, i] - x[N_SELLS, i], x[N_TICKS, i]
        out[row, k] = signed
        out[row, k + 1] = signed / volume if volume > 0.0 else np.nan
        out[row, k + 2] = trades / count if count > 0.0 else np.nan
        values[0, row], values[1, row] = signed, volume
        values[2, row], values[3, row] = trades, count
    at = 0
    for j in range(params.shape[0]):
        n = int(params[j])
        for value in range(_SUMS):
            rolling_sum(values[value], n, state, at, sums[value])
            at += ROLLING_HEAD + n
        for row in range(stop - first):
            volumes, counts = sums[1, row], sums[3, row]
            out[row, k + 3 + 2 * j] = sums[0, row] / volumes if volumes > 0.0 else np.nan
            out[row, k + 4 + 2 * j] = sums[2, row] / counts if counts > 0.0 else np.nan


class OrderFlowParams(Params):
    """Parameters of `order_flow`.

    Parameters
    ----------
    windows : bars over which the ratios are taken.
    """

    windows: Periods = (20,)


@bank
def order_flow(params: OrderFlowParams) -> Bank:
    """Return the bank; NaN in bars without trades and in windows with one."""
    source = "AFML 2.3.2, 19.3"
    rolling = [
        item
        for n in params.windows
        for item in (
            Feature(
                f"buy_pressure_{n}",
                "frac",
                f"Sum of buy_volume - sell_volume over the last {n} bars, divided by the sum of their volume",
                n - 1,
                source,
            ),
            Feature(
                f"trade_imbalance_{n}",
                "frac",
                f"Sum of n_buys - n_sells over the last {n} bars, divided by the number of their trades",
                n - 1,
                source,
            ),
        )
    ]
    return Bank(
        inputs=(VOLUME, N_TICKS, BUY_VOLUME, SELL_VOLUME, N_BUYS, N_SELLS),
        outputs=(
            Feature(
                "signed_volume",
                "units",
                "buy_volume - sell_volume of the bar; null in bars without trades",
                0,
                source,
            ),
            Feature(
                "buy_pressure",
                "frac",
                "(buy_volume - sell_volume) / volume of the bar, -1 to 1; null in bars without trades",
                0,
                source,
            ),
            Feature(
                "trade_imbalance",
                "frac",
                "(n_buys - n_sells) / number of trades of the bar, -1 to 1; null in bars without trades",
                0,
                source,
            ),
            *rolling,
        ),
        params=params.windows,
        state_size=_SUMS * sum(ROLLING_HEAD + n for n in params.windows),
        step=_step,
    )
