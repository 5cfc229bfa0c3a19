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
from tsis.core.stream import CLOSE, HIGH, LOW, OPEN
from tsis.kernels.window import MOMENTS_HEAD, SUM_HEAD, window_moments, window_sum

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
    return 3 * (SUM_HEAD + period) + 2 * (MOMENTS_HEAD + 2 * period)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each period the sums of the first three, the moments of returns overnight and from open to close
    for i in range(first, stop):
        opened, at = x[OPEN, i], 0
        up, down, body = np.log(x[HIGH, i] / opened), np.log(x[LOW, i] / opened), np.log(x[CLOSE, i] / opened)
        jump = np.log(opened / x[CLOSE, i - 1])
        reach2 = (up - down) * (up - down)
        parkinson = reach2 / _FOUR_LOG_2
        garman_klass = 0.5 * reach2 - _LOG_4_LESS_1 * body * body
        rogers_satchell = up * (up - body) + down * (down - body)
        for j in range(params.shape[0]):
            n = int(params[j])
            one, two = SUM_HEAD + n, MOMENTS_HEAD + 2 * n
            column = k + 4 * j
            within = window_sum(rogers_satchell, n, state, at + 2 * one) / n
            _, overnight = window_moments(jump, n, state, at + 3 * one)
            _, open_to_close = window_moments(body, n, state, at + 3 * one + two)
            share = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
            yang_zhang = (overnight + share * open_to_close) / (n - 1.0) + (1.0 - share) * within
            out[i - first, column] = np.sqrt(window_sum(parkinson, n, state, at) / n)
            out[i - first, column + 1] = np.sqrt(window_sum(garman_klass, n, state, at + one) / n)
            out[i - first, column + 2] = np.sqrt(within)
            out[i - first, column + 3] = np.sqrt(yang_zhang)
            at += 3 * one + 2 * two


@bank
def range_volatility(params: RangeVolatilityParams) -> Bank:
    """Return the bank: four estimates a period."""
    return Bank(
        inputs=(OPEN, HIGH, LOW, CLOSE),
        outputs=tuple(output for period in params.periods for output in _outputs(period)),
        params=params.periods,
        state_size=sum(_size(period) for period in params.periods),
        step=_step,
        lookback=1,
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
