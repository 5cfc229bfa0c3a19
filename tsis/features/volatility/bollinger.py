"""Bollinger bands: the mean of the closes, and their standard deviation on both sides of it.

A missing close leaves no value until the window has passed it.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.rolling_windows import ROLLING_MOMENTS_HEAD, rolling_moments

_SOURCE = "Bollinger (2001), TA-Lib BBANDS"


class BollingerParams(Params):
    """Parameters of `bollinger`.

    Parameters
    ----------
    periods : of the means, in bars.
    width : distance of the bands from the mean, in standard deviations.
    """

    periods: Periods = (20,)
    width: float = Field(default=2.0, gt=0.0)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # params: width, periods; state: the moments of each window
    width, closes = params[0], x[CLOSE, first:stop]
    means, squares = np.empty(stop - first), np.empty(stop - first)
    at = 0
    for j in range(params.shape[0] - 1):
        n, column = int(params[1 + j]), k + 5 * j
        rolling_moments(closes, n, state, at, means, squares)
        at += ROLLING_MOMENTS_HEAD + 2 * n
        scale = width / np.sqrt(n)
        for i in range(stop - first):
            mean, half = means[i], scale * np.sqrt(squares[i])
            out[i, column] = mean + half
            out[i, column + 1] = mean
            out[i, column + 2] = mean - half
            out[i, column + 3] = 2.0 * half / mean
            out[i, column + 4] = 0.5 + 0.5 * (closes[i] - mean) / half if half > 0.0 else np.nan


@bank
def bollinger(params: BollingerParams) -> Bank:
    """Return the bank: for each period the bands, how wide they are, and where the close lies in them."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(output for period in params.periods for output in _outputs(period, params.width)),
        params=(params.width, *params.periods),
        state_size=sum(ROLLING_MOMENTS_HEAD + 2 * period for period in params.periods),
        step=_step,
    )


def _outputs(period: int, width: float) -> tuple[Feature, ...]:
    deviations = f"{width:g} standard deviations (over n) of the last {period} closes"
    texts = (
        ("upper", "quote", f"Mean of the last {period} closes plus {deviations}"),
        ("middle", "quote", f"Mean of the last {period} closes"),
        ("lower", "quote", f"Mean of the last {period} closes less {deviations}"),
        ("width", "frac", "Distance between upper and lower band over the mean"),
        (
            "pct_b",
            "frac",
            "Place of the close between the lower (0) and the upper (1) band, beyond them where it is outside; null "
            "where they meet",
        ),
    )
    return tuple(Feature(f"bollinger_{name}_{period}", unit, text, period - 1, _SOURCE) for name, unit, text in texts)
