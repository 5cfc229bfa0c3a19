"""The shape of a bar by itself."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, HIGH, LOW, OPEN, VWAP


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:  # noqa: ARG001  a bar by itself needs neither
    for i in range(first, stop):
        opened, high, low, close, vwap = x[OPEN, i], x[HIGH, i], x[LOW, i], x[CLOSE, i], x[VWAP, i]
        out[i - first, k] = (high - low) / close
        out[i - first, k + 1] = (close - low) / (high - low) if high > low else np.nan
        out[i - first, k + 2] = close / opened - 1.0
        out[i - first, k + 3] = close / vwap - 1.0 if vwap > 0.0 else np.nan


class BarShapeParams(Params):
    """Parameters of `bar_shape`."""


@bank
def bar_shape(params: BarShapeParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(OPEN, HIGH, LOW, CLOSE, VWAP),
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
