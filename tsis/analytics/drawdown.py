"""Losses from a peak."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def wealth(returns: npt.ArrayLike) -> Floats:
    """Return what 1 becomes: (n + 1,), the start first."""
    given = np.asarray(returns, dtype=np.float64)
    return np.concatenate((np.ones(1), np.cumprod(1.0 + given)))


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


def longest_under_water(equity: Floats) -> int:
    """Return the most periods in a row that ended below an earlier peak; one that has not ended counts so far."""
    longest = current = 0
    for is_below in equity < np.maximum.accumulate(equity):
        current = current + 1 if is_below else 0
        longest = max(longest, current)
    return longest


def under_water_frac(equity: Floats) -> float | None:
    """Return the share of periods that ended below an earlier peak; None for an empty series.

    Parameters
    ----------
    equity : (n + 1,) the start first; it is no period.
    """
    if equity.size < 2:
        return None
    return float((equity < np.maximum.accumulate(equity))[1:].mean())
