"""The effective spread of Roll: twice the root of how far prices bounce back."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_SUMS: Final = 3


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each window the sums of changes, of those before them, and of their products
    values, sums = np.empty((_SUMS, stop - first)), np.empty((_SUMS, stop - first))
    for i in range(first, stop):
        change, before = x[CLOSE, i] - x[CLOSE, i - 1], x[CLOSE, i - 1] - x[CLOSE, i - 2]
        values[0, i - first], values[1, i - first], values[2, i - first] = change, before, change * before
    at = 0
    for j in range(params.shape[0]):
        n = int(params[j])
        for value in range(_SUMS):
            rolling_sum(values[value], n, state, at, sums[value])
            at += ROLLING_HEAD + n
        for row in range(stop - first):
            covariance = (sums[2, row] - sums[0, row] * sums[1, row] / n) / (n - 1.0)
            spread = 2.0 * np.sqrt(abs(covariance))
            out[row, k + 2 * j] = spread
            out[row, k + 2 * j + 1] = 1e4 * spread / x[CLOSE, first + row]


class RollParams(Params):
    """Parameters of `roll`.

    Parameters
    ----------
    windows : pairs of successive price changes of which the covariance is taken.
    """

    windows: Periods = (20,)


@bank
def roll(params: RollParams) -> Bank:
    """Return the bank; NaN in windows with a missing close."""
    source = "Roll (1984), AFML 19.3.1"
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            item
            for n in params.windows
            for item in (
                Feature(
                    f"roll_spread_{n}",
                    "quote",
                    f"2 sqrt(|c|), c the covariance (n - 1) of the last {n} changes of the close with the change "
                    "before each; also where c is positive, against the model",
                    n + 1,
                    source,
                ),
                Feature(
                    f"roll_spread_bps_{n}", "bps", f"roll_spread_{n} in ten thousandths of the close", n + 1, source
                ),
            )
        ),
        params=params.windows,
        state_size=_SUMS * sum(ROLLING_HEAD + n for n in params.windows),
        step=_step,
        lookback=2,
    )
