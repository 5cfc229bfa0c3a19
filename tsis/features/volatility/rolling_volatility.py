"""Standard deviation of the log returns of the last bars.

A missing return leaves no value until the window has passed it.
"""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import LOG_RETURN
from tsis.kernels.rolling_windows import ROLLING_MOMENTS_HEAD, rolling_moments


class RollingVolatilityParams(Params):
    """Parameters of `rolling_volatility`.

    Parameters
    ----------
    periods : returns that count.
    """

    periods: Periods = (20, 60)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: the moments of each window
    means, squares = np.empty(stop - first), np.empty(stop - first)
    at = 0
    for j in range(params.shape[0]):
        n = int(params[j])
        rolling_moments(x[LOG_RETURN, first:stop], n, state, at, means, squares)
        at += ROLLING_MOMENTS_HEAD + 2 * n
        scale = 1.0 / np.sqrt(n - 1.0)
        for i in range(stop - first):
            out[i, k + j] = scale * np.sqrt(squares[i])


@bank
def rolling_volatility(params: RollingVolatilityParams) -> Bank:
    """Return the bank: a standard deviation a period."""
    return Bank(
        inputs=(LOG_RETURN,),
        outputs=tuple(
            Feature(
                f"rolling_volatility_{period}",
                "log frac",
                f"Standard deviation (over n - 1) of the last {period} log returns, per bar",
                period,
                "TA-Lib STDDEV, over n - 1",
            )
            for period in params.periods
        ),
        params=params.periods,
        state_size=sum(ROLLING_MOMENTS_HEAD + 2 * period for period in params.periods),
        step=_step,
    )
