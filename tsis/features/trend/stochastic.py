"""Place of the close in the range of the last bars: the stochastic oscillator and Williams %R."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE, HIGH, LOW
from tsis.kernels.window_rows import ROWS_HEAD, max_rows, short_mean_rows


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: windows of highs, of lows, of fast %K, of slow %K
    window, slow, smooth = int(params[0]), int(params[1]), int(params[2])
    lows = ROWS_HEAD + window
    for i in range(first, stop):
        out[i - first, k], out[i - first, k + 1] = x[HIGH, i], -x[LOW, i]
    max_rows(out, k, window, state, 0)
    max_rows(out, k + 1, window, state, lows)
    for i in range(first, stop):
        row, close = i - first, x[CLOSE, i]
        top, bottom = out[row, k], -out[row, k + 1]
        reach = top - bottom
        out[row, k] = 100.0 * ((close - bottom) / reach) if reach > 0.0 else np.nan
        out[row, k + 3] = -100.0 * ((top - close) / reach) if reach > 0.0 else np.nan
    short_mean_rows(out, k, k + 1, slow, state, 2 * lows)
    short_mean_rows(out, k + 1, k + 2, smooth, state, 2 * lows + 1 + slow)


class StochasticParams(Params):
    """Parameters of `stochastic`.

    Parameters
    ----------
    window : bars of the range.
    slow : bars over which fast %K is averaged to slow %K.
    smooth : bars over which slow %K is averaged to slow %D.
    """

    window: Period = 14
    slow: int = Field(default=3, ge=1)
    smooth: int = Field(default=3, ge=1)


@bank
def stochastic(params: StochasticParams) -> Bank:
    """Return the bank."""
    n, slow, smooth = params.window, params.slow, params.smooth
    return Bank(
        inputs=(HIGH, LOW, CLOSE),
        outputs=(
            Feature(
                f"stochastic_{n}_fast_k",
                "points",
                f"Place of the close between the lowest low (0) and the highest high (100) of {n} bars; null where "
                "they are equal (TA-Lib: 0)",
                n - 1,
                "Lane (1984), TA-Lib STOCHF",
            ),
            Feature(
                f"stochastic_{n}_{slow}_slow_k",
                "points",
                f"Mean of fast %K over {slow} bars, which is also fast %D; null where one is",
                n + slow - 2,
                "Lane (1984), TA-Lib STOCH, STOCHF",
            ),
            Feature(
                f"stochastic_{n}_{slow}_{smooth}_slow_d",
                "points",
                f"Mean of slow %K over {smooth} bars; null where one is",
                n + slow + smooth - 3,
                "Lane (1984), TA-Lib STOCH",
            ),
            Feature(
                f"williams_r_{n}",
                "points",
                f"Place of the close between the lowest low (-100) and the highest high (0) of {n} bars; null where "
                "they are equal (TA-Lib: 0)",
                n - 1,
                "Williams (1979), TA-Lib WILLR",
            ),
        ),
        params=(n, slow, smooth),
        state_size=2 * (ROWS_HEAD + n) + 2 + slow + smooth,
        step=_step,
    )
