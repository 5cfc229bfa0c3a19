"""What a fill costs: slippage and commission, from one row of numbers an instrument."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tsis.core.jit import jit

Floats = npt.NDArray[np.float64]

MULTIPLIER, LOT_SIZE, TICK_SIZE = range(3)
SLIPPAGE_FRAC, SLIPPAGE_TICKS, IMPACT_FRAC, ROOT_IMPACT_FRAC = range(3, 7)
FEE_PER_UNIT, FEE_FRAC, MIN_FEE = range(7, 10)
LONG_RATE, SHORT_RATE = range(10, 12)
MAX_LEVERAGE, MAX_POSITION_FRAC, MAX_QTY, MAX_VOLUME_FRAC = range(12, 16)
N_FACTS = 16
"""Columns of `instruments`, one row a ticker: facts, slippage, commission, rates a year that a long or a short position
pays of its value (negative where it is paid), and limits (inf for none)."""


@jit
def fill_price(
    instruments: Floats, ticker: int, direction: float, reference: float, qty: float, volume: float, factor: float
) -> float:
    """Return what a market or stop order pays: its reference price and the slippage against it.

    The slippage is ``SLIPPAGE_FRAC + IMPACT_FRAC * share + ROOT_IMPACT_FRAC * sqrt(share)`` of the price and
    ``SLIPPAGE_TICKS`` ticks of the price as traded, where share is the quantity over the bar's volume, at most 1, and 1
    for a bar without volume. Never below 0.
    """
    part: float = instruments[ticker, SLIPPAGE_FRAC]
    linear, root = instruments[ticker, IMPACT_FRAC], instruments[ticker, ROOT_IMPACT_FRAC]
    if linear > 0.0 or root > 0.0:
        share = min(qty / volume, 1.0) if volume > 0.0 else 1.0
        part += linear * share + root * math.sqrt(share)
    ticks: float = instruments[ticker, SLIPPAGE_TICKS] * instruments[ticker, TICK_SIZE] * factor
    price: float = reference * (1.0 + direction * part) + direction * ticks
    return max(price, 0.0)


@jit
def commission(instruments: Floats, ticker: int, qty: float, value: float, before: float) -> tuple[float, float]:
    """Return the fee of a fill, and what its order has been charged by rate with it.

    Parameters
    ----------
    qty, value : units as traded, and their value.
    before : what the order's fills before this one were charged by rate; MIN_FEE is the least that an order pays, so
        the first fill pays it and later ones what exceeds it.
    """
    by_rate = qty * instruments[ticker, FEE_PER_UNIT] + value * instruments[ticker, FEE_FRAC]
    least = instruments[ticker, MIN_FEE]
    if before <= 0.0:
        return max(by_rate, least), by_rate
    return max(before + by_rate, least) - max(before, least), before + by_rate


@jit
def fillable(instruments: Floats, ticker: int, wanted: float, left: float, factor: float) -> float:
    """Return how much of `wanted` fills where the bar has `left` units as traded left for it, in whole lots.

    `wanted` is in the units of the bars, as traded over `factor`, and so is what is returned.
    """
    if wanted * factor <= left:
        return wanted
    lot: float = instruments[ticker, LOT_SIZE]
    return math.floor(left / lot + 1e-9) * lot / factor
