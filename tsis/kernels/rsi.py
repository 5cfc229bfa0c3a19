"""The relative strength index of one price after the other."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

RSI_STATE: Final = 4
"""``rsi`` takes so many places."""
_STILL: Final = 1e-250
"""Averages that have faded to less are of no price change that a number could still tell apart."""


@jit
def rsi(price: float, period: float, state: NDArray[np.float64], at: int) -> float:
    """Return Wilder's index after `price`, 0 to 100: average gain over average gain plus average loss.

    The averages are the means of the first `period` changes, then 1/`period` of each new one. NaN until there are
    `period` changes, and where no price has changed. A NaN price gives NaN and is passed over. State, from `at` on:
    number of prices up to `period` + 1, last price, average gain, average loss; zeros at first. Wilder (1978).
    """
    if np.isnan(price):
        return np.nan
    seen, gain, loss = state[at], state[at + 2], state[at + 3]
    change = price - state[at + 1]
    up = change if change > 0.0 else 0.0
    down = -change if change < 0.0 else 0.0
    state[at + 1] = price
    weight = 1.0 / period
    if seen > period:
        gain += (up - gain) * weight
        loss += (down - loss) * weight
    else:
        state[at] = seen + 1.0
        if seen > 0.0:
            gain += up * weight
            loss += down * weight
    state[at + 2], state[at + 3] = gain, loss
    if seen < period or gain + loss < _STILL:
        return np.nan
    return float(100.0 * (gain / (gain + loss)))


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    return np.array([rsi(value, 14.0, state, 0) for value in arrays[0]])


RSI: Final = Fold(("log_return",), lambda: np.zeros(RSI_STATE), _run)
