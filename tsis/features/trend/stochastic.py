"""Place of the close in the range of the last bars: the stochastic oscillator and Williams %R."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE, HIGH, LOW
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_extremes, rolling_sum


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: windows of highs, of lows, of fast %K, of slow %K
    window, n = int(params[0]), stop - first
    figures = np.empty((3, n))
    tops, bottoms = figures[0], figures[1]
    rolling_extremes(x[HIGH, first:stop], 1.0, window, state, 0, tops)
    rolling_extremes(x[LOW, first:stop], -1.0, window, state, ROLLING_HEAD + window, bottoms)
    for row in range(n):
        top, bottom, close = tops[row], bottoms[row], x[CLOSE, first + row]
        reach = top - bottom
        out[row, k + 3] = -100.0 * ((top - close) / reach) if reach > 0.0 else np.nan
        figures[0, row] = 100.0 * ((close - bottom) / reach) if reach > 0.0 else np.nan
    at = 2 * (ROLLING_HEAD + window)
    for j in range(1, 3):
        length = int(params[j])
        rolling_sum(figures[j - 1], length, state, at, figures[j])
        at += ROLLING_HEAD + length
        for row in range(n):
            figures[j, row] /= length
    for row in range(n):
        out[row, k], out[row, k + 1], out[row, k + 2] = figures[0, row], figures[1, row], figures[2, row]


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
        state_size=2 * (ROLLING_HEAD + n) + 2 * ROLLING_HEAD + slow + smooth,
        step=_step,
    )
