"""Exponential moving averages of the close; a bar whose close is missing is passed over."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.ema import emas


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # params: periods, weights; state: closes so far, averages
    m = params.shape[0] // 2
    periods, weights, averages = params[:m], params[m:], state[1:]
    count = state[0]
    for i in range(first, stop):
        close = x[CLOSE, i]
        if np.isnan(close):
            for j in range(m):
                out[i - first, k + j] = np.nan
            continue
        emas(close, count, periods, weights, averages)
        count += 1.0
        for j in range(m):
            out[i - first, k + j] = averages[j] if count >= periods[j] else np.nan
    state[0] = count


class EmaParams(Params):
    """Parameters of `ema`.

    Parameters
    ----------
    periods : of each average; a new close has the weight 2 / (period + 1).
    """

    periods: Periods = (5, 9, 20, 50, 200)


@bank
def ema(params: EmaParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"ema_{period}",
                "quote",
                f"Exponential moving average of the close: 2/{period + 1} of it and the rest of the average before, "
                f"which begins as the mean of {period} closes",
                period - 1,
                "TA-Lib EMA",
            )
            for period in params.periods
        ),
        params=(*params.periods, *(2.0 / (period + 1.0) for period in params.periods)),
        state_size=1 + len(params.periods),
        step=_step,
    )
