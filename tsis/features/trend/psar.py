"""Parabolic stop and reverse; a bar with a missing price is passed over."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import HIGH, LOW


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars so far up to 2, side, stop, extreme since the side began, acceleration, last high and low
    step, most = params[0], params[1]
    seen, side, sar, extreme, pace, high_before, low_before = (
        state[0],
        state[1],
        state[2],
        state[3],
        state[4],
        state[5],
        state[6],
    )
    for i in range(first, stop):
        row, high, low = i - first, x[HIGH, i], x[LOW, i]
        out[row, k], out[row, k + 1] = np.nan, np.nan
        if np.isnan(high + low):
            continue
        if seen == 1.0:
            down = low_before - low
            side = -1.0 if down > 0.0 and down > high - high_before else 1.0
            sar, extreme = (low_before, high) if side > 0.0 else (high_before, low)
            # the first stop is held against its own bar alone
            pace, high_before, low_before = step, high, low
        if seen > 0.0:
            ceiling, floor = max(high, high_before), min(low, low_before)
            if (side > 0.0 and low <= sar) or (side < 0.0 and high >= sar):
                side = -side
                sar = min(extreme, floor) if side > 0.0 else max(extreme, ceiling)
                out[row, k] = sar
                extreme, pace = (high if side > 0.0 else low), step
            else:
                out[row, k] = sar
                if (side > 0.0 and high > extreme) or (side < 0.0 and low < extreme):
                    extreme = high if side > 0.0 else low
                    pace = min(pace + step, most)
            out[row, k + 1] = side
            sar += pace * (extreme - sar)
            sar = min(sar, floor) if side > 0.0 else max(sar, ceiling)
        seen = min(seen + 1.0, 2.0)
        high_before, low_before = high, low
    state[0], state[1], state[2], state[3], state[4], state[5], state[6] = (
        seen,
        side,
        sar,
        extreme,
        pace,
        high_before,
        low_before,
    )


class PsarParams(Params):
    """Parameters of `psar`.

    Parameters
    ----------
    acceleration : share of the way to the extreme that the stop goes at first, and by which that share grows.
    maximum : the largest share.
    """

    acceleration: float = Field(default=0.02, gt=0, lt=1)
    maximum: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _are_in_order(self) -> PsarParams:
        if self.maximum < self.acceleration:
            raise ValueError(f"maximum ({self.maximum}) must be acceleration ({self.acceleration}) or more")
        return self


@bank
def psar(params: PsarParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(HIGH, LOW),
        outputs=(
            Feature(
                "psar",
                "quote",
                f"Stop that moves to the extreme of the trend, by {params.acceleration:g} of the way and more with "
                f"each new extreme, {params.maximum:g} at most; where it is touched, the extreme, and the trend turns",
                1,
                "Wilder (1978), TA-Lib SAR",
            ),
            Feature(
                "psar_side",
                "sign",
                "1 where the trend is up and the stop below the price, -1 where it is down",
                1,
                "Wilder (1978)",
            ),
        ),
        params=(params.acceleration, params.maximum),
        state_size=7,
        step=_step,
    )
