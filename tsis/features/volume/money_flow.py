"""Whether money came in with rising or with falling prices: money flow index and Chaikin money flow.

Both are figures of their window alone: a missing bar is missing until it has left, and nothing of it remains.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, HIGH, LOW, TYPICAL_PRICE, VOLUME
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_ROUNDING: Final = 1e-13
"""Typical prices this close, as a share, are equal: sums of three prices differ by rounding."""


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: windows of rising and of all money, of signed and of all volume
    values, sums = np.empty((4, stop - first)), np.empty((4, stop - first))
    for i in range(first, stop):
        row = i - first
        high, low, close, volume = x[HIGH, i], x[LOW, i], x[CLOSE, i], x[VOLUME, i]
        typical, before = x[TYPICAL_PRICE, i], x[TYPICAL_PRICE, i - 1]
        money, change, rounding = typical * volume, typical - before, _ROUNDING * before
        nothing = 0.0 * money
        values[0, row] = nothing if change <= rounding else money
        values[1, row] = nothing if abs(change) <= rounding else money + 0.0 * change
        values[2, row] = (0.0 if high <= low else ((close - low) - (high - close)) / (high - low)) * volume
        values[3, row] = volume + 0.0 * (high + low + close)
    at = 0
    for j in range(4):
        n = int(params[j // 2])
        rolling_sum(values[j], n, state, at, sums[j])
        at += ROLLING_HEAD + n
    for row in range(stop - first):
        out[row, k] = 100.0 * (sums[0, row] / sums[1, row]) if sums[1, row] > 0.0 else np.nan
        out[row, k + 1] = sums[2, row] / sums[3, row] if sums[3, row] > 0.0 else np.nan


class MoneyFlowParams(Params):
    """Parameters of `money_flow`.

    Parameters
    ----------
    mfi, cmf : bars of the money flow index and of the Chaikin money flow.
    """

    mfi: int = Field(default=14, ge=2)
    cmf: int = Field(default=20, ge=2)


@bank
def money_flow(params: MoneyFlowParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(HIGH, LOW, CLOSE, VOLUME, TYPICAL_PRICE),
        outputs=(
            Feature(
                f"mfi_{params.mfi}",
                "0..100",
                f"Money flow index: of typical price times volume over the last {params.mfi} bars, the per cent of "
                "bars whose typical price rose, those where it stayed left out; null where none moved",
                params.mfi,
                "Quong and Soudack (1989), TA-Lib MFI",
            ),
            Feature(
                f"cmf_{params.cmf}",
                "-1..1",
                f"Chaikin money flow: volume times the close's place in the bar (-1 at the low, 1 at the high, 0 where "
                f"they are equal) over volume, both of the last {params.cmf} bars; null without volume",
                params.cmf - 1,
                "Chaikin",
            ),
        ),
        params=(params.mfi, params.cmf),
        state_size=4 * ROLLING_HEAD + 2 * (params.mfi + params.cmf),
        step=_step,
        lookback=1,
    )
