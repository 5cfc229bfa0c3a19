"""The volatility that scales events and barriers."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.kernels.indicators import EWM_STATE, ewm_std

_DAY_US: Final = 86_400_000_000


def bar_volatility(close: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """Return the EWM standard deviation of simple returns per bar, known at each close; NaN before `span` returns.

    pandas' ``close.pct_change().ewm(span).std()``.
    """
    out = np.full(close.size, np.nan)
    if close.size > 1:
        ewm_std(close[1:] / close[:-1] - 1.0, float(span), np.zeros(EWM_STATE), out[1:])
    out[: int(span)] = np.nan
    return out


def daily_volatility(ts_us: NDArray[np.int64], close: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """Return the EWM standard deviation of daily returns at intraday closes; NaN until two are known (AFML 3.1).

    The daily return of a bar is against the last bar that closed more than 24 hours before it.
    """
    before = np.searchsorted(ts_us, ts_us - _DAY_US, side="left") - 1
    returns = np.where(before >= 0, close / close[np.maximum(before, 0)] - 1.0, np.nan)
    out = np.empty(close.size)
    ewm_std(returns, float(span), np.zeros(EWM_STATE), out)
    return out
