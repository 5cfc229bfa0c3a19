"""Commodity channel index."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import TYPICAL_PRICE


@jit
def _distances(prices: Array, period: int, centres: Array, is_absolute: bool, sums: Array) -> None:
    """Write for each row the sum of the distances of `period` prices from its centre; absolute ones if `is_absolute`.

    Row i has the prices from i to i + period - 1, and adds them from the last to the first.
    """
    n = sums.shape[0]
    for i in range(n):
        sums[i] = 0.0
    for lag in range(0, period - period % 4, 4):
        z = prices[period - lag - 4 :]
        if not is_absolute:
            for i in range(n):
                centre = centres[i]
                sums[i] = sums[i] + (z[i + 3] - centre) + (z[i + 2] - centre) + (z[i + 1] - centre) + (z[i] - centre)
        else:
            for i in range(n):
                centre = centres[i]
                total = sums[i] + abs(z[i + 3] - centre) + abs(z[i + 2] - centre)
                sums[i] = total + abs(z[i + 1] - centre) + abs(z[i] - centre)
    for lag in range(period - period % 4, period):
        z = prices[period - lag - 1 :]
        for i in range(n):
            distance = z[i] - centres[i]
            sums[i] += abs(distance) if is_absolute else distance


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:  # noqa: ARG001
    # distances from the newest price, so that a window without moves has a spread of zero and not of rounding;
    # many rows at a time: each has its own sum, from the newest price to the oldest
    n, price = stop - first, x[TYPICAL_PRICE]
    means, centres, sums = np.empty(n), np.empty(n), np.empty(n)
    for j in range(params.shape[0]):
        period = int(params[j])
        for i in range(n):
            centres[i] = price[first + i]
        _distances(price[first - period + 1 :], period, centres, False, means)
        for i in range(n):
            means[i] /= period
            centres[i] = price[first + i] + means[i]
        _distances(price[first - period + 1 :], period, centres, True, sums)
        for i in range(n):
            out[i, k + j] = -means[i] / (0.015 * (sums[i] / period)) if sums[i] > 0.0 else np.nan


class CciParams(Params):
    """Parameters of `cci`.

    Parameters
    ----------
    periods : bars of each mean.
    """

    periods: Periods = (20,)


@bank
def cci(params: CciParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(TYPICAL_PRICE,),
        outputs=tuple(
            Feature(
                f"cci_{period}",
                "ratio",
                f"Typical price less its mean of {period} bars, over 0.015 times its mean absolute distance from that "
                "mean; null where no price differs (TA-Lib: 0, or what rounding makes of it)",
                period - 1,
                "Lambert (1980), TA-Lib CCI",
            )
            for period in params.periods
        ),
        params=params.periods,
        state_size=0,
        step=_step,
        lookback=max(params.periods) - 1,
    )
