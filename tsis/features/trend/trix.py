"""TRIX: change of a thrice smoothed close; a bar whose close is missing is passed over."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.ema import EMA_STATE, ema

_SIZE = 3 * EMA_STATE + 1


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state of each period: three averages, and the last of them at the bar before, 0 while there is none
    for j in range(params.shape[0]):
        period, at = params[j], _SIZE * j
        before = state[at + 3 * EMA_STATE]
        for i in range(first, stop):
            once = ema(x[CLOSE, i], period, state, at)
            twice = ema(once, period, state, at + EMA_STATE)
            thrice = ema(twice, period, state, at + 2 * EMA_STATE)
            out[i - first, k + j] = 100.0 * (thrice / before - 1.0) if before != 0.0 else np.nan
            if not np.isnan(thrice):
                before = thrice
        state[at + 3 * EMA_STATE] = before


class TrixParams(Params):
    """Parameters of `trix`.

    Parameters
    ----------
    periods : of the averages; a new value has the weight 2 / (period + 1).
    """

    periods: Periods = (15,)


@bank
def trix(params: TrixParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"trix_{period}",
                "percent",
                f"Change over one bar of the exponential moving average of period {period} of such an average of such "
                "an average",
                3 * (period - 1) + 1,
                "Hutson (1983), TA-Lib TRIX",
            )
            for period in params.periods
        ),
        params=params.periods,
        state_size=_SIZE * len(params.periods),
        step=_step,
    )
