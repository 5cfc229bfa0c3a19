"""Bulk classification: what share of a bar's volume buyers began, from its price change alone, and VPIN of it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE, VOLUME
from tsis.kernels.window import MOMENTS_HEAD, window_moments
from tsis.kernels.window_sums import HEAD, sums_size, window_sums

_SUMS: Final = 1


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    for i in range(first, stop):
        change, volume = x[CLOSE, i] - x[CLOSE, i - 1], x[VOLUME, i]
        at = 0
        for j in range(params.shape[0]):
            n = int(params[j])
            _, squares = window_moments(change, n, state, at)
            at += MOMENTS_HEAD + 2 * n
            sigma = np.sqrt(squares / (n - 1.0))
            buys = 0.5 * math.erfc(-change / (sigma * 2.0**0.5)) if sigma > 0.0 else np.nan
            state[at + HEAD] = abs(2.0 * buys - 1.0) * volume
            window_sums(_SUMS, n, state, at)
            out[i - first, k + 2 * j] = buys
            out[i - first, k + 2 * j + 1] = state[at + HEAD + _SUMS] / (n * volume) if volume > 0.0 else np.nan
            at += HEAD + _SUMS * (n + 3)


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
        state_size=sum(MOMENTS_HEAD + 2 * n + sums_size(_SUMS, n) for n in params.windows),
        step=_step,
        lookback=1,
    )
