"""Exponential moving averages that begin as a simple mean, as TA-Lib's do."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

EMA_STATE: Final = 2
"""``ema`` takes so many places."""


@jit
def ema(value: float, period: float, state: NDArray[np.float64], at: int) -> float:
    """Return the average after `value`: the mean of the first `period` values, then 2/(period + 1) of each new one.

    NaN until there are `period` values. A NaN value gives NaN and is passed over. State, from `at` on: number of values
    up to `period`, average (their sum, until it is full); zeros at first.
    """
    if np.isnan(value):
        return np.nan
    average = state[at + 1]
    if state[at] >= period:
        average += (value - average) * (2.0 / (period + 1.0))
        state[at + 1] = average
        return float(average)
    state[at] += 1.0
    average += value
    if state[at] < period:
        state[at + 1] = average
        return np.nan
    average /= period
    state[at + 1] = average
    return float(average)


@jit
def emas(
    value: float,
    count: float,
    periods: NDArray[np.float64],
    weights: NDArray[np.float64],
    averages: NDArray[np.float64],
) -> None:
    """Bring many averages forward by one value, which is not NaN.

    Parameters
    ----------
    count : values before this one.
    periods, weights : (m,) of each average; the weight of a new value is 2/(period + 1).
    averages : (m,) changed in place; of an average with fewer than `period` values the sum of those.
    """
    for j in range(periods.shape[0]):
        if count >= periods[j]:
            averages[j] += (value - averages[j]) * weights[j]
        else:
            averages[j] += value
            if count + 1.0 == periods[j]:
                averages[j] /= periods[j]


def _run_ema(arrays: tuple[Array, ...], state: Rows) -> Rows:
    return np.array([ema(value, 20.0, state, 0) for value in arrays[0]])


def _run_emas(arrays: tuple[Array, ...], state: Rows) -> Rows:
    periods = np.array([5.0, 20.0])
    out = np.empty((arrays[0].shape[0], 2))
    for i, value in enumerate(arrays[0]):
        emas(value, state[0], periods, 2.0 / (periods + 1.0), state[1:])
        state[0] += 1.0
        out[i] = state[1:]
    return out


EMA: Final = Fold(("log_return",), lambda: np.zeros(EMA_STATE), _run_ema)
EMAS: Final = Fold(("close",), lambda: np.zeros(3), _run_emas)
