"""Kaufman's adaptive moving average and efficiency ratio; a bar whose close is missing is passed over."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.window import SUM_HEAD, window_sum

_HEAD = 4


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # params: weight of a new close where prices zigzag, and more of it where they go straight; then the periods
    # state of each period: closes so far, place in the ring, last close, average, ring of closes, sum of moves
    slow, more = params[0], params[1]
    at = 0
    for j in range(params.shape[0] - 2):
        period = int(params[2 + j])
        seen, place, before, average = state[at], int(state[at + 1]), state[at + 2], state[at + 3]
        ring = at + _HEAD
        for i in range(first, stop):
            row, column = i - first, k + 2 * j
            close = x[CLOSE, i]
            out[row, column], out[row, column + 1] = np.nan, np.nan
            if np.isnan(close):
                continue
            if seen > 0.0:
                path = window_sum(abs(close - before), period, state, ring + period)
                if seen >= period:
                    move = abs(close - state[ring + place])
                    if path > 0.0:
                        out[row, column + 1] = min(move / path, 1.0)
                    weight = slow + more * (move / path if path > move else 1.0)
                    average += weight * weight * (close - average)
                    out[row, column] = average
            if seen < period:
                seen += 1.0
                average = close
            state[ring + place] = close
            place = place + 1 if place < period - 1 else 0
            before = close
        state[at], state[at + 1], state[at + 2], state[at + 3] = seen, place, before, average
        at = ring + period + SUM_HEAD + period


class KamaParams(Params):
    """Parameters of `kama`.

    Parameters
    ----------
    periods : bars of each efficiency ratio.
    fast, slow : periods of the exponential averages between which it moves, at a ratio of 1 and of 0.
    """

    periods: Periods = (10,)
    fast: int = Field(default=2, ge=1)
    slow: int = Field(default=30, ge=1)


@bank
def kama(params: KamaParams) -> Bank:
    """Return the bank."""
    fast, slow = 2.0 / (params.fast + 1.0), 2.0 / (params.slow + 1.0)
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            feature
            for period in params.periods
            for feature in (
                Feature(
                    f"kama_{period}",
                    "quote",
                    "Adaptive moving average: the closer the efficiency ratio to 1, and where no price moves, the more "
                    f"of the new close; weight: the square of one from 2/{params.slow + 1} to 2/{params.fast + 1}",
                    period,
                    "Kaufman (1995), TA-Lib KAMA",
                ),
                Feature(
                    f"efficiency_ratio_{period}",
                    "frac",
                    f"Distance that the close has gone in {period} bars over the sum of its moves from bar to bar; "
                    "null where there are none",
                    period,
                    "Kaufman (1995)",
                ),
            )
        ),
        params=(slow, fast - slow, *params.periods),
        state_size=sum(_HEAD + period + SUM_HEAD + period for period in params.periods),
        step=_step,
    )
