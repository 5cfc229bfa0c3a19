"""The shape of a bar by itself."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature
from tsis.core.jit import jit


@jit
def _step(x: Array, params: Array, state: Array, out: Array) -> None:  # noqa: ARG001  a bar by itself needs neither
    for i in range(x.shape[1]):
        first, high, low, close, vwap = x[0, i], x[1, i], x[2, i], x[3, i], x[4, i]
        out[0, i] = (high - low) / close
        out[1, i] = (close - low) / (high - low) if high > low else np.nan
        out[2, i] = close / first - 1.0
        out[3, i] = close / vwap - 1.0 if vwap > 0.0 else np.nan


bank = Bank(
    inputs=("open", "high", "low", "close", "vwap"),
    outputs=(
        Feature("range_frac", "frac", "High less low, over the close", 0, "Parkinson (1980)"),
        Feature(
            "close_location",
            "frac",
            "Place of the close between low (0) and high (1); null where they are equal",
            0,
            "Williams %R, turned",
        ),
        Feature("body_frac", "frac", "Close over open, less 1", 0, "candlestick body"),
        Feature(
            "vwap_distance",
            "frac",
            "Close over the bar's vwap, less 1; null where there is no vwap",
            0,
            "Kissell (2013)",
        ),
    ),
    params=(),
    state_size=0,
    step=_step,
)
