"""Kaufman's adaptive moving average and efficiency ratio; a bar whose close is missing is passed over."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_HEAD = 2


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # params: weight of a new close where prices zigzag, and more of it where they go straight; then the periods
    # state: closes so far, the last one; of each period average, place in the ring, ring of closes, sum of moves
    slow, more = params[0], params[1]
    closes, moves, paths = np.empty(stop - first), np.empty(stop - first), np.empty(stop - first)
    n, before = 0, state[1]
    for i in range(first, stop):
        close = x[CLOSE, i]
        if not np.isnan(close):
            closes[n], moves[n] = close, abs(close - before)
            before = close
            n += 1
    begin = 1 if n > 0 and state[0] == 0.0 else 0
    at = _HEAD
    for j in range(params.shape[0] - 2):
        period, column = int(params[2 + j]), k + 2 * j
        seen, average, place, ring = state[0], state[at], int(state[at + 1]), at + 2
        at = ring + period
        rolling_sum(moves[begin:n], period, state, at, paths[begin:n])
        at += ROLLING_HEAD + period
        d = 0
        for row in range(stop - first):
            out[row, column], out[row, column + 1] = np.nan, np.nan
            if np.isnan(x[CLOSE, first + row]):
                continue
            close = closes[d]
            if seen >= period:
                path, move = paths[d], abs(close - state[ring + place])
                ratio = move / path
                out[row, column + 1] = ratio if ratio < 1.0 else 1.0 if path > 0.0 else np.nan
                weight = slow + more * (ratio if path > move else 1.0)
                average += weight * weight * (close - average)
                out[row, column] = average
            else:
                average = close
            state[ring + place] = close
            place = place + 1 if place < period - 1 else 0
            seen += 1.0
            d += 1
        state[ring - 2], state[ring - 1] = average, place
    state[0], state[1] = state[0] + n, before


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
        state_size=_HEAD + sum(2 + period + ROLLING_HEAD + period for period in params.periods),
        step=_step,
    )
