"""Where orders fill within a bar of which only open, high, low and close are known."""

from __future__ import annotations

import math

import numpy as np

from tsis.core.jit import jit

MARKET, LIMIT, STOP_ORDER = map(np.float64, range(3))
"""Types of order."""


@jit
def entry_reference(
    kind: float, side: float, price: float, open_: float, high: float, low: float
) -> tuple[float, bool]:
    """Return the price at which an entry order fills before slippage, NaN if it does not, and whether at the open.

    A market order fills at the open; a limit order at the open if that is as good as its price or better, else at its
    price if the bar reaches it; a stop order at the open if that is beyond its price, else at its price if the bar
    reaches it.
    """
    if kind == MARKET:
        return open_, True
    towards = side if kind == STOP_ORDER else -side
    if towards * (open_ - price) >= 0.0:
        return open_, True
    reached = high if towards > 0.0 else low
    return (price if towards * (reached - price) >= 0.0 else math.nan), False


@jit
def exit_reference(
    side: float, stop: float, target: float, open_: float, high: float, low: float
) -> tuple[float, bool]:
    """Return the price at which a position leaves before slippage, NaN if it stays, and whether by its stop.

    What the open is beyond comes first and fills at the open; then the stop, even where the bar reaches the target too:
    which was first is not known. NaN for stop or target is none.
    """
    worst, best = (low, high) if side > 0.0 else (high, low)
    if side * (open_ - stop) <= 0.0:
        return open_, True
    if side * (open_ - target) >= 0.0:
        return open_, False
    if side * (worst - stop) <= 0.0:
        return stop, True
    if side * (best - target) >= 0.0:
        return target, False
    return math.nan, False
