"""The rules that bound a position, as kernels: the session folds over them, and so does whoever asks for one figure."""

from __future__ import annotations

import math

from tsis.core.jit import jit


@jit
def risked_quantity(
    equity: float,
    risk_frac: float,
    bet_size: float,
    entry: float,
    stop: float,
    multiplier: float,
    max_leverage: float,
    exposure: float,
) -> float:
    """Return the largest quantity whose loss at the stop is ``risk_frac * bet_size`` of equity, within the leverage.

    `exposure` is the value already held or ordered. Quantities are in the units of `entry`, not rounded; 0 where there
    is no equity, no distance to the stop, or no room.
    """
    distance = abs(entry - stop) * multiplier
    room = max_leverage * equity - exposure
    if equity <= 0.0 or distance <= 0.0 or room <= 0.0:
        return 0.0
    return min(equity * risk_frac * bet_size / distance, room / (entry * multiplier))


@jit
def whole_lots(quantity: float, lot_size: float) -> float:
    """Return `quantity` rounded down to lots; a billionth of a lot is forgiven to rounding."""
    return math.floor(quantity / lot_size + 1e-9) * lot_size


@jit
def daily_loss_frac(equity: float, equity_before: float) -> float:
    """Return the loss since the equity at the end of the day before, as a share of it; negative for a gain.

    1 where there was no equity to lose.
    """
    if equity_before <= 0.0:
        return 1.0
    return 1.0 - equity / equity_before
