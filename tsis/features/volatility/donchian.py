"""Donchian channel: the highest high and the lowest low of the last bars.

The bar itself counts. A missing high or low leaves no value until the window has passed it.
"""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Lags
from tsis.core.stream import CLOSE, HIGH, LOW
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_extremes

_SOURCE = "Donchian (1960), TA-Lib MAX and MIN"


class DonchianParams(Params):
    """Parameters of `donchian`.

    Parameters
    ----------
    periods : of the channels, in bars.
    """

    periods: Lags = (20, 55)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each period the window of highs and that of lows
    closes, ends = x[CLOSE, first:stop], np.empty((2, stop - first))
    at = 0
    for j in range(params.shape[0]):
        n, column = int(params[j]), k + 4 * j
        for end in range(2):
            stream, sign = (HIGH, 1.0) if end == 0 else (LOW, -1.0)
            rolling_extremes(x[stream, first:stop], sign, n, state, at, ends[end])
            at += ROLLING_HEAD + n
        for i in range(stop - first):
            top, bottom = ends[0, i], ends[1, i]
            out[i, column] = top
            out[i, column + 1] = 0.5 * (top + bottom)
            out[i, column + 2] = bottom
            out[i, column + 3] = (closes[i] - bottom) / (top - bottom) if top > bottom else np.nan


@bank
def donchian(params: DonchianParams) -> Bank:
    """Return the bank: for each period the channel, and where the close lies in it."""
    return Bank(
        inputs=(HIGH, LOW, CLOSE),
        outputs=tuple(output for period in params.periods for output in _outputs(period)),
        params=params.periods,
        state_size=sum(2 * (ROLLING_HEAD + period) for period in params.periods),
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
