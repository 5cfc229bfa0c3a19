"""TRIX: change of a thrice smoothed close; a bar whose close is missing is passed over."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.ema import SMOOTH_STATE, smooth_params, smooth_rows


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: of the averages; the last of them at the bar before, 0 while there is none
    m = state.shape[0] // (SMOOTH_STATE + 1)
    smooth_rows(x, first, stop, params, state, out, k)
    for j in range(m):
        before = state[SMOOTH_STATE * m + j]
        for row in range(stop - first):
            value = out[row, k + j]
            out[row, k + j] = 100.0 * (value / before - 1.0) if before != 0.0 else np.nan
            before = before if np.isnan(value) else value
        state[SMOOTH_STATE * m + j] = before


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
        params=smooth_params(params.periods, 0.0, 0.0, 1.0),
        state_size=(SMOOTH_STATE + 1) * len(params.periods),
        step=_step,
    )
