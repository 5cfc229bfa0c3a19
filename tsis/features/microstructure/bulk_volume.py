"""Bulk classification: what share of a bar's volume buyers began, from its price change alone, and VPIN of it."""

from __future__ import annotations

import math

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE, VOLUME
from tsis.kernels.rolling_windows import ROLLING_HEAD, ROLLING_MOMENTS_HEAD, rolling_moments, rolling_sum


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each window the moments of changes, the sum of imbalances
    m = stop - first
    changes, imbalances, means, squares = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    for i in range(first, stop):
        changes[i - first] = x[CLOSE, i] - x[CLOSE, i - 1]
    at = 0
    for j in range(params.shape[0]):
        n, column = int(params[j]), k + 2 * j
        rolling_moments(changes, n, state, at, means, squares)
        at += ROLLING_MOMENTS_HEAD + 2 * n
        for row in range(m):
            sigma = np.sqrt(squares[row] / (n - 1.0))
            buys = 0.5 * math.erfc(-changes[row] / (sigma * 2.0**0.5)) if sigma > 0.0 else np.nan
            imbalances[row] = abs(2.0 * buys - 1.0) * x[VOLUME, first + row]
            out[row, column] = buys
        rolling_sum(imbalances, n, state, at, means)
        at += ROLLING_HEAD + n
        for row in range(m):
            volume = x[VOLUME, first + row]
            out[row, column + 1] = means[row] / (n * volume) if volume > 0.0 else np.nan


class BulkVolumeParams(Params):
    """Parameters of `bulk_volume`.

    Parameters
    ----------
    windows : bars over which the standard deviation of price changes is taken, and VPIN.
    """

    windows: Periods = (20,)


@bank
def bulk_volume(params: BulkVolumeParams) -> Bank:
    """Return the bank; NaN in windows with a missing close, and where prices stand still."""
    source = "Easley, Lopez de Prado and O'Hara (2012, 2016)"
    return Bank(
        inputs=(CLOSE, VOLUME),
        outputs=tuple(
            item
            for n in params.windows
            for item in (
                Feature(
                    f"bulk_buy_frac_{n}",
                    "frac",
                    "Normal distribution function of the change of the close over the standard deviation (n - 1) of "
                    f"the last {n} changes; null where prices stand still",
                    n,
                    source,
                ),
                Feature(
                    f"bulk_vpin_{n}",
                    "frac",
                    f"VPIN without sides of trades: mean of |2 bulk_buy_frac_{n} - 1| volume over the last {n} bars, "
                    "divided by the volume of the bar",
                    2 * n - 1,
                    source,
                ),
            )
        ),
        params=params.windows,
        state_size=sum(ROLLING_MOMENTS_HEAD + 2 * n + ROLLING_HEAD + n for n in params.windows),
        step=_step,
        lookback=1,
    )
