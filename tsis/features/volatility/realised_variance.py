"""Realised variance, the part of it that is not from jumps, and the share of jumps.

A missing return leaves no value until the window has passed it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import LOG_RETURN
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_HALF_PI: Final = 0.5 * np.pi


class RealisedVarianceParams(Params):
    """Parameters of `realised_variance`.

    Parameters
    ----------
    periods : returns that count.
    """

    periods: Periods = (20,)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each period the sum of squares of n returns, and that of the n - 1 products of neighbours
    squares, products = np.empty(stop - first), np.empty(stop - first)
    totals, smooth = np.empty(stop - first), np.empty(stop - first)
    for i in range(stop - first):
        value = x[LOG_RETURN, first + i]
        squares[i], products[i] = value * value, abs(value * x[LOG_RETURN, first + i - 1])
    at = 0
    for j in range(params.shape[0]):
        n, column = int(params[j]), k + 3 * j
        rolling_sum(squares, n, state, at, totals)
        rolling_sum(products, n - 1, state, at + ROLLING_HEAD + n, smooth)
        at += 2 * ROLLING_HEAD + 2 * n - 1
        factor = _HALF_PI * n / (n - 1.0)
        for i in range(stop - first):
            total, part = totals[i], factor * smooth[i]
            share = 1.0 - part / total if part < total else 0.0
            out[i, column] = total
            out[i, column + 1] = part
            out[i, column + 2] = share if total > 0.0 else np.nan


@bank
def realised_variance(params: RealisedVarianceParams) -> Bank:
    """Return the bank: for each period the realised and the bipower variation, and the share of jumps."""
    return Bank(
        inputs=(LOG_RETURN,),
        outputs=tuple(output for period in params.periods for output in _outputs(period)),
        params=params.periods,
        state_size=sum(2 * ROLLING_HEAD + 2 * period - 1 for period in params.periods),
        step=_step,
        lookback=1,
    )


def _outputs(period: int) -> tuple[Feature, ...]:
    return (
        Feature(
            f"realised_variance_{period}",
            "log frac squared",
            f"Sum of the squares of the last {period} log returns",
            period,
            "Andersen, Bollerslev, Diebold and Labys (2003)",
        ),
        Feature(
            f"bipower_variation_{period}",
            "log frac squared",
            f"pi / 2 times n / (n - 1) times the sum of the products of neighbours' sizes among the last {period} log "
            "returns: the variance that is not from jumps",
            period,
            "Barndorff-Nielsen and Shephard (2004)",
        ),
        Feature(
            f"jump_share_{period}",
            "frac",
            f"1 - bipower_variation_{period} / realised_variance_{period}, at least 0; null where no price has moved",
            period,
            "Huang and Tauchen (2005)",
        ),
    )
