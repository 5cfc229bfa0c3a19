"""Stochastic oscillator of the relative strength index; a bar whose close is missing counts in its windows only."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_extremes, rolling_sum
from tsis.kernels.rsi import rsi_params, rsi_rows, rsi_size

_INDEX: Final = rsi_size(1)
_STILL: Final = 1e-9
"""Points: an index that has moved less has moved by rounding."""


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # params: those of the index, bars of its range, bars of the mean
    # state: of the index; its windows of largest and of smallest values, of %K
    window, smooth, m = int(params[2]), int(params[3]), stop - first
    rsi_rows(x, first, stop, params[:2], state[:_INDEX], out, k)
    index, tops, bottoms = np.empty(m), np.empty(m), np.empty(m)
    for row in range(m):
        index[row] = out[row, k]
    rolling_extremes(index, 1.0, window, state, _INDEX, tops)
    rolling_extremes(index, -1.0, window, state, _INDEX + ROLLING_HEAD + window, bottoms)
    for row in range(m):
        reach = tops[row] - bottoms[row]
        index[row] = 100.0 * ((index[row] - bottoms[row]) / reach) if reach > _STILL else np.nan
    rolling_sum(index, smooth, state, _INDEX + 2 * (ROLLING_HEAD + window), tops)
    for row in range(m):
        out[row, k], out[row, k + 1] = index[row], tops[row] / smooth


class StochRsiParams(Params):
    """Parameters of `stoch_rsi`.

    Parameters
    ----------
    period : of the index.
    window : bars of its range.
    smooth : bars over which %K is averaged to %D.
    """

    period: Period = 14
    window: Period = 14
    smooth: int = Field(default=3, ge=1)


@bank
def stoch_rsi(params: StochRsiParams) -> Bank:
    """Return the bank."""
    name, begin = f"stoch_rsi_{params.period}_{params.window}", params.period + params.window - 1
    return Bank(
        inputs=(CLOSE,),
        outputs=(
            Feature(
                f"{name}_k",
                "points",
                f"Place of RSI({params.period}) between its lowest (0) and highest (100) value of {params.window} "
                f"bars; null where it has moved less than {_STILL:g} points (TA-Lib: 0, or what rounding makes of it)",
                begin,
                "Chande and Kroll (1994), TA-Lib STOCHRSI",
            ),
            Feature(
                f"{name}_{params.smooth}_d",
                "points",
                f"Mean of %K over {params.smooth} bars; null where one is",
                begin + params.smooth - 1,
                "Chande and Kroll (1994), TA-Lib STOCHRSI",
            ),
        ),
        params=(*rsi_params((params.period,)), params.window, params.smooth),
        state_size=_INDEX + 2 * (ROLLING_HEAD + params.window) + ROLLING_HEAD + params.smooth,
        step=_step,
    )
