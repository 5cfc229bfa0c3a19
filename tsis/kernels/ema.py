"""Exponential moving averages that begin as a simple mean, as TA-Lib's do, averages of them, and of those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.core.stream import CLOSE, N_STREAMS


def ema_params(periods: Sequence[int]) -> tuple[float, ...]:
    """Return the parameters of `ema_rows`."""
    return (*periods, *(2.0 / (period + 1.0) for period in periods))


def ema_size(n_periods: int) -> int:
    """Return the length of the state of `ema_rows`."""
    return 1 + n_periods


@jit
def ema_rows(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    """Write moving averages of the close, a column a period; the step of a bank.

    The mean of the first `period` closes, then 2/(period + 1) of each new one and the rest of the average; NaN before.
    A row whose close is missing is NaN, and passed over.

    Parameters
    ----------
    params : `ema_params`: m periods; m weights.
    state : `ema_size`, zeros at first: closes so far; averages, or the sum where there are too few.
    """
    m = params.shape[0] // 2
    weights, averages = params[m:], state[1:]
    longest = 0.0
    for j in range(m):
        longest = max(longest, params[j])
    count = state[0]
    for i in range(first, stop):
        close, row = x[CLOSE, i], out[i - first, k : k + m]
        if np.isnan(close):
            for j in range(m):
                row[j] = np.nan
            continue
        if count >= longest:
            for j in range(m):
                average = averages[j] + (close - averages[j]) * weights[j]
                averages[j] = average
                row[j] = average
        else:
            for j in range(m):
                if count >= params[j]:
                    averages[j] += (close - averages[j]) * weights[j]
                else:
                    averages[j] += close
                    if count + 1.0 == params[j]:
                        averages[j] /= params[j]
                row[j] = averages[j] if count + 1.0 >= params[j] else np.nan
        count += 1.0
    state[0] = count


SMOOTH_STATE: Final = 4
"""`smooth_rows` takes SMOOTH_STATE places a period."""


def smooth_params(periods: Sequence[int], *factors: float) -> tuple[float, ...]:
    """Return the parameters of `smooth_rows`: a factor for each average, at most three."""
    return (len(factors), *factors, *(0.0,) * (3 - len(factors)), *periods)


@jit
def smooth_rows(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    """Write the sum of a moving average of the close, the same of that and the same of the latter, each times a factor.

    Each is as of `ema_rows`, and begins where the one before it does.

    Parameters
    ----------
    params : `smooth_params`: how many averages, up to three; their factors; periods.
    state : `SMOOTH_STATE` a period, zeros at first: closes so far, averages, or their sum where there are too few.
    """
    n_averages, a, b, c = params[0], params[1], params[2], params[3]
    for j in range(params.shape[0] - 4):
        period, at, column = params[4 + j], SMOOTH_STATE * j, k + j
        weight = 2.0 / (period + 1.0)
        count, once, twice, thrice = state[at], state[at + 1], state[at + 2], state[at + 3]
        second, third, known = period - 1.0, 2.0 * (period - 1.0), n_averages * (period - 1.0)
        for i in range(first, stop):
            close, row = x[CLOSE, i], i - first
            if np.isnan(close):
                out[row, column] = np.nan
                continue
            if count > known:
                once += (close - once) * weight
                twice += (once - twice) * weight
                thrice += (twice - thrice) * weight
                out[row, column] = a * once + b * twice + c * thrice
            else:
                once = _begun(close, once, count, period, weight)
                twice = _begun(once, twice, count - second, period, weight)
                thrice = _begun(twice, thrice, count - third, period, weight)
                out[row, column] = a * once + b * twice + c * thrice if count == known else np.nan
            count += 1.0
        state[at], state[at + 1], state[at + 2], state[at + 3] = count, once, twice, thrice


@jit
def _begun(value: float, average: float, count: float, period: float, weight: float) -> float:
    """Return the average, or the sum, after `value`; `count` came before, and below 0 it has not begun."""
    if count >= period:
        return average + (value - average) * weight
    if count < 0.0:
        return 0.0
    total = average + value
    return total / period if count + 1.0 == period else total


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    x, out = np.full((N_STREAMS, arrays[0].size), np.nan), np.empty((arrays[0].size, 2))
    x[CLOSE] = arrays[0]
    ema_rows(x, 0, arrays[0].size, np.array(ema_params((5, 20))), state, out, 0)
    return out


def _run_smooth(arrays: tuple[Array, ...], state: Rows) -> Rows:
    x, out = np.full((N_STREAMS, arrays[0].size), np.nan), np.empty((arrays[0].size, 2))
    x[CLOSE] = arrays[0]
    smooth_rows(x, 0, arrays[0].size, np.array(smooth_params((5, 20), 3.0, -3.0, 1.0)), state, out, 0)
    return out


EMA_ROWS: Final = Fold(("close",), lambda: np.zeros(ema_size(2)), _run)
SMOOTH_ROWS: Final = Fold(("close",), lambda: np.zeros(2 * SMOOTH_STATE), _run_smooth)
