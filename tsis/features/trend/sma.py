"""Simple moving averages of the close."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    m, at, sums = params.shape[0] // 2, 0, np.empty((params.shape[0] // 2, stop - first))
    for j in range(m):
        rolling_sum(x[CLOSE, first:stop], int(params[j]), state, at, sums[j])
        at += ROLLING_HEAD + int(params[j])
    for row in range(stop - first):
        for j in range(m):
            out[row, k + j] = sums[j, row] * params[m + j]


class SmaParams(Params):
    """Parameters of `sma`.

    Parameters
    ----------
    periods : bars of each average.
    """

    periods: Periods = (10, 20, 50, 200)


@bank
def sma(params: SmaParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"sma_{period}",
                "quote",
                f"Mean close of the last {period} bars; null where one is missing",
                period - 1,
                "TA-Lib SMA",
            )
            for period in params.periods
        ),
        params=(*params.periods, *(1.0 / period for period in params.periods)),
        state_size=sum(ROLLING_HEAD + period for period in params.periods),
        step=_step,
    )
