"""Whether money came in with rising or with falling prices: money flow index and Chaikin money flow.

Both are figures of their window alone: a missing bar is missing until it has left, and nothing of it remains.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, HIGH, LOW, TYPICAL_PRICE, VOLUME
from tsis.kernels.window import SUM_HEAD, window_sum


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: the row's four values, which become four sums; windows of rising and of all money, of signed and of all volume
    for i in range(first, stop):
        high, low, close, volume = x[HIGH, i], x[LOW, i], x[CLOSE, i], x[VOLUME, i]
        typical, before = x[TYPICAL_PRICE, i], x[TYPICAL_PRICE, i - 1]
        money = typical * volume + 0.0 * before
        state[0] = money if not typical <= before else 0.0 * money
        state[1] = money if typical != before else 0.0 * money
        state[2] = (((close - low) - (high - close)) / (high - low) if not high <= low else 0.0) * volume
        state[3] = volume + 0.0 * (high + low + close)
        at = 4
        for j in range(4):
            n = int(params[j // 2])
            state[j] = window_sum(state[j], n, state, at)
            at += SUM_HEAD + n
        out[i - first, k] = 100.0 * (state[0] / state[1]) if state[1] > 0.0 else np.nan
        out[i - first, k + 1] = state[2] / state[3] if state[3] > 0.0 else np.nan


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
        inputs=(HIGH, LOW, CLOSE, VOLUME),
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
        state_size=4 + 2 * (SUM_HEAD + params.mfi) + 2 * (SUM_HEAD + params.cmf),
        step=_step,
        lookback=1,
    )
