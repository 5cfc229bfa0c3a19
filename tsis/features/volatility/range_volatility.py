"""Volatility from open, high, low and close: Parkinson, Garman-Klass, Rogers-Satchell, Yang-Zhang.

Each is per bar, the square root of a mean variance over the window. A bar without one of its prices leaves no value
until the window has passed it. The first two suppose a price without drift, and all but Yang and Zhang's leave out what
happens between a close and the next open.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE, HIGH, LOG_RETURN, LOW, OPEN
from tsis.kernels.rolling_windows import ROLLING_HEAD, ROLLING_MOMENTS_HEAD, rolling_moments, rolling_sum

_FOUR_LOG_2: Final = 4.0 * np.log(2.0)
_LOG_4_LESS_1: Final = 2.0 * np.log(2.0) - 1.0


class RangeVolatilityParams(Params):
    """Parameters of `range_volatility`.

    Parameters
    ----------
    periods : bars that count.
    """

    periods: Periods = (20,)


def _size(period: int) -> int:
    return 3 * (ROLLING_HEAD + period) + 2 * (ROLLING_MOMENTS_HEAD + 2 * period)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each period the sums of the first three, the moments of returns overnight and from open to close
    m = stop - first
    variances, jumps, bodies = np.empty((3, m)), np.empty(m), np.empty(m)
    for i in range(m):
        opened = x[OPEN, first + i]
        up, down = np.log(x[HIGH, first + i] / opened), np.log(x[LOW, first + i] / opened)
        body = np.log(x[CLOSE, first + i] / opened)
        reach2 = (up - down) * (up - down)
        variances[0, i] = reach2 / _FOUR_LOG_2
        variances[1, i] = 0.5 * reach2 - _LOG_4_LESS_1 * body * body
        variances[2, i] = up * (up - body) + down * (down - body)
        jumps[i], bodies[i] = x[LOG_RETURN, first + i] - body, body
    totals, means, overnight, within = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    at = 0
    for j in range(params.shape[0]):
        n, column = int(params[j]), k + 4 * j
        inverse, inverse_less_1 = 1.0 / n, 1.0 / (n - 1.0)
        for figure in range(3):
            rolling_sum(variances[figure], n, state, at, totals)
            at += ROLLING_HEAD + n
            for i in range(m):
                out[i, column + figure] = np.sqrt(totals[i] * inverse)
        rolling_moments(jumps, n, state, at, means, overnight)
        at += ROLLING_MOMENTS_HEAD + 2 * n
        rolling_moments(bodies, n, state, at, means, within)
        at += ROLLING_MOMENTS_HEAD + 2 * n
        share = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
        for i in range(m):
            # `totals` is still that of Rogers and Satchell
            variance = (overnight[i] + share * within[i]) * inverse_less_1 + (1.0 - share) * totals[i] * inverse
            out[i, column + 3] = np.sqrt(variance)


@bank
def range_volatility(params: RangeVolatilityParams) -> Bank:
    """Return the bank: four estimates a period."""
    return Bank(
        inputs=(OPEN, HIGH, LOW, CLOSE, LOG_RETURN),
        outputs=tuple(output for period in params.periods for output in _outputs(period)),
        params=params.periods,
        state_size=sum(_size(period) for period in params.periods),
        step=_step,
    )


def _outputs(period: int) -> tuple[Feature, ...]:
    mean = f"Square root of the mean over {period} bars of"
    unit = "log frac"
    return (
        Feature(
            f"parkinson_{period}",
            unit,
            f"{mean} log(high / low)^2 / (4 log 2)",
            period - 1,
            "Parkinson (1980)",
        ),
        Feature(
            f"garman_klass_{period}",
            unit,
            f"{mean} log(high / low)^2 / 2 - (2 log 2 - 1) log(close / open)^2",
            period - 1,
            "Garman and Klass (1980)",
        ),
        Feature(
            f"rogers_satchell_{period}",
            unit,
            f"{mean} log(high / close) log(high / open) + log(low / close) log(low / open)",
            period - 1,
            "Rogers and Satchell (1991)",
        ),
        Feature(
            f"yang_zhang_{period}",
            unit,
            f"Square root of the variance over {period} bars of log(open / close before), plus k times that of "
            "log(close / open), plus 1 - k times Rogers and Satchell's; k = 0.34 / (1.34 + (n + 1) / (n - 1))",
            period,
            "Yang and Zhang (2000)",
        ),
    )
