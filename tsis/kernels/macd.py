"""Moving average convergence divergence of the close."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.core.stream import CLOSE, N_STREAMS

MACD_STATE: Final = 4


@jit
def macd_rows(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    """Write the difference of two moving averages of the close, its own moving average, and the first less the latter.

    Averages are as of `tsis.kernels.ema.ema_rows`; both of the close begin with its slow period, as TA-Lib's do. NaN
    before. A row whose close is missing is NaN, and passed over. Appel (1979).

    Parameters
    ----------
    params : fast, slow and signal period.
    state : `MACD_STATE`, zeros at first: closes so far, fast average, slow average (sums until both begin), signal
        (likewise).
    """
    fast_period, slow_period, signal_period = params[0], params[1], params[2]
    fast_weight, slow_weight = 2.0 / (fast_period + 1.0), 2.0 / (slow_period + 1.0)
    signal_weight, warm = 2.0 / (signal_period + 1.0), slow_period + signal_period - 1.0
    seen, fast, slow, signal = state[0], state[1], state[2], state[3]
    for i in range(first, stop):
        row, close = i - first, x[CLOSE, i]
        if np.isnan(close):
            out[row, k], out[row, k + 1], out[row, k + 2] = np.nan, np.nan, np.nan
            continue
        seen += 1.0
        if seen > warm:
            fast += (close - fast) * fast_weight
            slow += (close - slow) * slow_weight
            macd = fast - slow
            signal += (macd - signal) * signal_weight
            out[row, k], out[row, k + 1], out[row, k + 2] = macd, signal, macd - signal
            continue
        if seen > slow_period:
            fast += (close - fast) * fast_weight
            slow += (close - slow) * slow_weight
        else:
            slow += close
            if seen > slow_period - fast_period:
                fast += close
            if seen == slow_period:
                fast /= fast_period
                slow /= slow_period
        macd = fast - slow if seen >= slow_period else np.nan
        if seen >= slow_period:
            signal += macd
            if seen == warm:
                signal /= signal_period
        out[row, k] = macd
        out[row, k + 1] = signal if seen == warm else np.nan
        out[row, k + 2] = macd - signal if seen == warm else np.nan
    state[0], state[1], state[2], state[3] = seen, fast, slow, signal


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    x, out = np.full((N_STREAMS, arrays[0].size), np.nan), np.empty((arrays[0].size, 3))
    x[CLOSE] = arrays[0]
    macd_rows(x, 0, arrays[0].size, np.array((12.0, 26.0, 9.0)), state, out, 0)
    return out


MACD_ROWS: Final = Fold(("close",), lambda: np.zeros(MACD_STATE), _run)
