"""The effective spread of Roll: twice the root of how far prices bounce back."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.window_sums import HEAD, sums_size, window_sums

_SUMS: Final = 3


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    for i in range(first, stop):
        close = x[CLOSE, i]
        change, before = close - x[CLOSE, i - 1], x[CLOSE, i - 1] - x[CLOSE, i - 2]
        at = 0
        for j in range(params.shape[0]):
            n = int(params[j])
            value = at + HEAD
            state[value], state[value + 1], state[value + 2] = change, before, change * before
            window_sums(_SUMS, n, state, at)
            value += _SUMS
            covariance = (state[value + 2] - state[value] * state[value + 1] / n) / (n - 1.0)
            spread = 2.0 * np.sqrt(abs(covariance))
            out[i - first, k + 2 * j] = spread
            out[i - first, k + 2 * j + 1] = 1e4 * spread / close
            at += HEAD + _SUMS * (n + 3)


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
        state_size=sum(sums_size(_SUMS, n) for n in params.windows),
        step=_step,
        lookback=2,
    )
