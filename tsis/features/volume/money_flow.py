"""Whether money came in with rising or with falling prices: money flow index and Chaikin money flow.

Both are figures of their window alone: a missing bar is missing until it has left, and nothing of it remains.
"""

from __future__ import annotations

from typing import Final

from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, HIGH, LOW, TYPICAL_PRICE, VOLUME
from tsis.kernels.window_ratio import RATIO_HEAD, window_ratio

_ROUNDING: Final = 1e-13
"""Typical prices this close, as a share, are equal: sums of three prices differ by rounding."""


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: two windows, of rising and of all money, of signed and of all volume
    n, m, mfi_at, cmf_at = int(params[0]), int(params[1]), int(params[2]), int(params[3])
    for i in range(first, stop):
        row = i - first
        high, low, close, volume = x[HIGH, i], x[LOW, i], x[CLOSE, i], x[VOLUME, i]
        typical, before = x[TYPICAL_PRICE, i], x[TYPICAL_PRICE, i - 1]
        money = typical * volume + 0.0 * before
        rounding = _ROUNDING * before
        rising = 0.0 * money if typical - before <= rounding else money
        moving = 0.0 * money if abs(typical - before) <= rounding else money
        out[row, k] = 100.0 * window_ratio(rising, moving, n, state, mfi_at)
        place = 0.0 if high <= low else ((close - low) - (high - close)) / (high - low)
        known = volume + 0.0 * (high + low + close)
        out[row, k + 1] = window_ratio(place * volume, known, m, state, cmf_at)


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
        params=(params.mfi, params.cmf, 0, RATIO_HEAD + 2 * params.mfi),
        state_size=2 * RATIO_HEAD + 2 * (params.mfi + params.cmf),
        step=_step,
        lookback=1,
    )
