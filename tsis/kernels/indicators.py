"""Recursions that several features and labels share."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

EWM_STATE: Final = 4
WILDER_STATE: Final = 2


@jit
def ewm_std(x: NDArray[np.float64], span: float, state: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write the exponentially weighted standard deviation of `x` up to each value.

    Weights (1 - 2/(span+1))^age, normalised over the values seen, and the variance is unbiased: what pandas calls
    ``ewm(span).std()``, adjusted. NaN until there are two values; a NaN value gives NaN and is passed over. Welford's
    recursion, because the difference of two large sums cancels.

    Parameters
    ----------
    state : (`EWM_STATE`,) sum of weights, sum of their squares, mean, weighted sum of squares; zeros at first.
    """
    decay = 1.0 - 2.0 / (span + 1.0)
    weight, weight2, mean, squares = state[0], state[1], state[2], state[3]
    for i in range(x.shape[0]):
        value = x[i]
        out[i] = np.nan
        if np.isnan(value):
            continue
        weight = decay * weight + 1.0
        weight2 = decay * decay * weight2 + 1.0
        deviation = value - mean
        mean += deviation / weight
        squares = decay * squares + deviation * (value - mean)
        if weight2 > 1.0:
            out[i] = np.sqrt(squares / (weight - weight2 / weight))
    state[0], state[1], state[2], state[3] = weight, weight2, mean, squares


@jit
def wilder(value: float, period: float, state: NDArray[np.float64]) -> float:
    """Return Wilder's average after `value`: the mean of the first `period` values, then 1/period of each new one.

    NaN until there are `period` values. `state` (`WILDER_STATE`,) is the number of values and the average.
    """
    state[0] += 1.0
    if state[0] <= period:
        state[1] += value
        if state[0] < period:
            return np.nan
        state[1] /= period
        return float(state[1])
    state[1] = (state[1] * (period - 1.0) + value) / period
    return float(state[1])


def _run_ewm_std(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    ewm_std(arrays[0], 20.0, state, out)
    return out


def _run_wilder(arrays: tuple[Array, ...], state: Rows) -> Rows:
    return np.array([wilder(value, 14.0, state) for value in arrays[0]])


EWM_STD: Final = Fold(("log_return",), lambda: np.zeros(EWM_STATE), _run_ewm_std)
WILDER: Final = Fold(("volume",), lambda: np.zeros(WILDER_STATE), _run_wilder)
