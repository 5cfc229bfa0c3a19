"""Losses from a peak."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def drawdown_frac(equity: Floats) -> Floats:
    """Return the loss from the highest equity so far, as a share of it.

    Parameters
    ----------
    equity : (n,) its first value positive; the start counts as a peak, so pass it first.

    Returns
    -------
    (n,) in [0, 1]; 1 where nothing or less is left.
    """
    return np.clip(1.0 - equity / np.maximum.accumulate(equity), 0.0, 1.0)


def max_drawdown_frac(equity: Floats) -> float:
    """Return the largest loss from a peak; 0 for an empty series."""
    return float(drawdown_frac(equity).max(initial=0.0))
