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
from tsis.kernels.window import SUM_HEAD, window_sum

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
    for i in range(first, stop):
        value, at = x[LOG_RETURN, i], 0
        square, product = value * value, abs(value * x[LOG_RETURN, i - 1])
        for j in range(params.shape[0]):
            n = int(params[j])
            total = window_sum(square, n, state, at)
            smooth = _HALF_PI * n / (n - 1.0) * window_sum(product, n - 1, state, at + SUM_HEAD + n)
            column = k + 3 * j
            out[i - first, column] = total
            out[i - first, column + 1] = smooth
            share = 1.0 - smooth / total if smooth < total else 0.0
            out[i - first, column + 2] = share if total > 0.0 else np.nan
            at += 2 * SUM_HEAD + 2 * n - 1


@bank
def realised_variance(params: RealisedVarianceParams) -> Bank:
    """Return the bank: for each period the realised and the bipower variation, and the share of jumps."""
    return Bank(
        inputs=(LOG_RETURN,),
        outputs=tuple(output for period in params.periods for output in _outputs(period)),
        params=params.periods,
        state_size=sum(2 * SUM_HEAD + 2 * period - 1 for period in params.periods),
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
