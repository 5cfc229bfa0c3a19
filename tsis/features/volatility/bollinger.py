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
from tsis.kernels.window import MOMENTS_HEAD, window_moments

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
    width = params[0]
    for i in range(first, stop):
        close, at = x[CLOSE, i], 0
        for j in range(params.shape[0] - 1):
            n = int(params[1 + j])
            mean, squares = window_moments(close, n, state, at)
            half = width * np.sqrt(squares / n)
            column = k + 5 * j
            out[i - first, column] = mean + half
            out[i - first, column + 1] = mean
            out[i - first, column + 2] = mean - half
            out[i - first, column + 3] = 2.0 * half / mean
            out[i - first, column + 4] = 0.5 + 0.5 * (close - mean) / half if half > 0.0 else np.nan
            at += MOMENTS_HEAD + 2 * n


@bank
def bollinger(params: BollingerParams) -> Bank:
    """Return the bank: for each period the bands, how wide they are, and where the close lies in them."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(output for period in params.periods for output in _outputs(period, params.width)),
        params=(params.width, *params.periods),
        state_size=sum(MOMENTS_HEAD + 2 * period for period in params.periods),
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
