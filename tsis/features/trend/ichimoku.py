"""Ichimoku lines as they are known at the bar's close: none is moved into the future."""

from __future__ import annotations

import numpy as np
from pydantic import model_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE, HIGH, LOW
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_extremes


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: windows of highs and of lows, each for three lengths; one line a length, then what follows from them
    ends = np.empty((2, stop - first))
    at = 0
    for line in range(3):
        n = int(params[line])
        for end in range(2):
            stream, sign = (HIGH, 1.0) if end == 0 else (LOW, -1.0)
            rolling_extremes(x[stream, first:stop], sign, n, state, at, ends[end])
            at += ROLLING_HEAD + n
        for row in range(stop - first):
            out[row, k + line] = 0.5 * (ends[0, row] + ends[1, row])
    lag = int(params[1])
    for i in range(first, stop):
        row = i - first
        out[row, k + 3] = 0.5 * (out[row, k] + out[row, k + 1])
        out[row, k + 4] = x[CLOSE, i] / x[CLOSE, i - lag] - 1.0


class IchimokuParams(Params):
    """Parameters of `ichimoku`.

    Parameters
    ----------
    tenkan, kijun, senkou : bars of the short, the middle and the long range.
    """

    tenkan: Period = 9
    kijun: Period = 26
    senkou: Period = 52

    @model_validator(mode="after")
    def _are_in_order(self) -> IchimokuParams:
        if not self.tenkan < self.kijun < self.senkou:
            raise ValueError(f"tenkan ({self.tenkan}), kijun ({self.kijun}), senkou ({self.senkou}) must ascend")
        return self


@bank
def ichimoku(params: IchimokuParams) -> Bank:
    """Return the bank."""
    tenkan, kijun, senkou, source = params.tenkan, params.kijun, params.senkou, "Hosoda (1969)"
    middle = "Middle between the highest high and the lowest low of {} bars"
    return Bank(
        inputs=(HIGH, LOW, CLOSE),
        outputs=(
            Feature(f"ichimoku_{tenkan}_tenkan", "quote", middle.format(tenkan), tenkan - 1, source),
            Feature(f"ichimoku_{kijun}_kijun", "quote", middle.format(kijun), kijun - 1, source),
            Feature(
                f"ichimoku_{senkou}_senkou_b",
                "quote",
                f"{middle.format(senkou)}; charts draw it {kijun} bars later, here it is that of its own bar",
                senkou - 1,
                source,
            ),
            Feature(
                f"ichimoku_{tenkan}_{kijun}_senkou_a",
                "quote",
                f"Mean of tenkan and kijun; charts draw it {kijun} bars later, here it is that of its own bar",
                kijun - 1,
                source,
            ),
            Feature(
                f"ichimoku_{kijun}_chikou",
                "frac",
                f"Close over that of {kijun} bars before, less 1: charts draw the close {kijun} bars earlier, here it "
                "is compared with the past alone",
                kijun,
                source,
            ),
        ),
        params=(tenkan, kijun, senkou),
        state_size=2 * (3 * ROLLING_HEAD + tenkan + kijun + senkou),
        step=_step,
        lookback=kijun,
    )
