"""Donchian channel: the highest high and the lowest low of the last bars.

The bar itself counts. A missing high or low leaves no value until the window has passed it.
"""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE, HIGH, LOW
from tsis.kernels.window import SUM_HEAD, window_max, window_min

_SOURCE = "Donchian (1960), TA-Lib MAX and MIN"


class DonchianParams(Params):
    """Parameters of `donchian`.

    Parameters
    ----------
    periods : of the channels, in bars.
    """

    periods: Periods = (20, 55)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each period the window of highs and that of lows
    for i in range(first, stop):
        high, low, close, at = x[HIGH, i], x[LOW, i], x[CLOSE, i], 0
        for j in range(params.shape[0]):
            n = int(params[j])
            upper = window_max(high, n, state, at)
            lower = window_min(low, n, state, at + SUM_HEAD + n)
            column = k + 4 * j
            out[i - first, column] = upper
            out[i - first, column + 1] = 0.5 * (upper + lower)
            out[i - first, column + 2] = lower
            out[i - first, column + 3] = (close - lower) / (upper - lower) if upper > lower else np.nan
            at += 2 * (SUM_HEAD + n)


@bank
def donchian(params: DonchianParams) -> Bank:
    """Return the bank: for each period the channel, and where the close lies in it."""
    return Bank(
        inputs=(HIGH, LOW, CLOSE),
        outputs=tuple(output for period in params.periods for output in _outputs(period)),
        params=params.periods,
        state_size=sum(2 * (SUM_HEAD + period) for period in params.periods),
        step=_step,
    )


def _outputs(period: int) -> tuple[Feature, ...]:
    texts = (
        ("upper", "quote", f"Highest high of the last {period} bars, this one included"),
        ("middle", "quote", "Half-way between the highest high and the lowest low"),
        ("lower", "quote", f"Lowest low of the last {period} bars, this one included"),
        ("place", "frac", "Place of the close between the lowest low (0) and the highest high (1); null where equal"),
    )
    return tuple(Feature(f"donchian_{name}_{period}", unit, text, period - 1, _SOURCE) for name, unit, text in texts)
