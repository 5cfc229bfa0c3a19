"""Commodity channel index."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE, HIGH, LOW, TYPICAL_PRICE


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:  # noqa: ARG001
    # distances from the newest price, so that a window without moves has a spread of zero and not of rounding;
    # two sums at a time, because one has to wait for each addition
    price = x[TYPICAL_PRICE]
    for j in range(params.shape[0]):
        period = int(params[j])
        even = period - period % 4
        for i in range(first, stop):
            last, begin = price[i], i - period + 1
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for place in range(begin, begin + even, 4):
                a += price[place] - last
                b += price[place + 1] - last
                c += price[place + 2] - last
                d += price[place + 3] - last
            for place in range(begin + even, i):
                a += price[place] - last
            mean = ((a + b) + (c + d)) / period
            centre = last + mean
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for place in range(begin, begin + even, 4):
                a += abs(price[place] - centre)
                b += abs(price[place + 1] - centre)
                c += abs(price[place + 2] - centre)
                d += abs(price[place + 3] - centre)
            for place in range(begin + even, i + 1):
                a += abs(price[place] - centre)
            spread = ((a + b) + (c + d)) / period
            out[i - first, k + j] = -mean / (0.015 * spread) if spread > 0.0 else np.nan


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
        inputs=(HIGH, LOW, CLOSE),
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
