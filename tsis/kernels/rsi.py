"""Relative strength indices of the close."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.core.stream import CLOSE, N_STREAMS

_STILL: Final = 1e-250
"""Averages that have faded to less are of no price change that a number could still tell apart."""


def rsi_params(periods: Sequence[int]) -> tuple[float, ...]:
    """Return the parameters of `rsi_rows`."""
    return (*periods, *(1.0 / period for period in periods))


def rsi_size(n_periods: int) -> int:
    """Return the length of the state of `rsi_rows`."""
    return 2 + 2 * n_periods


@jit
def rsi_rows(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    """Write Wilder's index, 0 to 100, a column a period: average gain over average gain plus average loss.

    The averages are the means of the first `period` changes, then 1/period of each new one. NaN until there are so
    many, and where no price has changed. A row whose close is missing is NaN, and passed over. Wilder (1978).

    Parameters
    ----------
    params : `rsi_params`: m periods; m weights.
    state : `rsi_size`, zeros at first: closes so far, the last one, average gains, average losses.
    """
    m = params.shape[0] // 2
    weights, gains, losses = params[m:], state[2 : 2 + m], state[2 + m : 2 + 2 * m]
    longest = 0.0
    for j in range(m):
        longest = max(longest, params[j])
    seen, before = state[0], state[1]
    for i in range(first, stop):
        close, row = x[CLOSE, i], out[i - first, k : k + m]
        if np.isnan(close):
            for j in range(m):
                row[j] = np.nan
            continue
        change = close - before
        up, down = change if change > 0.0 else 0.0, -change if change < 0.0 else 0.0
        if seen > longest:
            for j in range(m):
                gain = gains[j] + (up - gains[j]) * weights[j]
                loss = losses[j] + (down - losses[j]) * weights[j]
                gains[j], losses[j] = gain, loss
                total = gain + loss
                row[j] = 100.0 * (gain / total) if total >= _STILL else np.nan
        else:
            for j in range(m):
                if seen > params[j]:
                    gains[j] += (up - gains[j]) * weights[j]
                    losses[j] += (down - losses[j]) * weights[j]
                elif seen > 0.0:
                    gains[j] += up * weights[j]
                    losses[j] += down * weights[j]
                total = gains[j] + losses[j]
                row[j] = 100.0 * (gains[j] / total) if seen >= params[j] and total >= _STILL else np.nan
        seen += 1.0
        before = close
    state[0], state[1] = seen, before


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    x, out = np.full((N_STREAMS, arrays[0].size), np.nan), np.empty((arrays[0].size, 2))
    x[CLOSE] = arrays[0]
    rsi_rows(x, 0, arrays[0].size, np.array(rsi_params((7, 14))), state, out, 0)
    return out


RSI_ROWS: Final = Fold(("close",), lambda: np.zeros(rsi_size(2)), _run)
