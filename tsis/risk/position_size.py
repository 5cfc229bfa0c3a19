"""How much may be bought or sold."""

from __future__ import annotations

from tsis.core.errors import UsageError
from tsis.kernels.risk import risked_quantity, whole_lots


def position_size(
    equity: float,
    risk_frac: float,
    bet_size: float,
    entry: float,
    stop: float,
    *,
    multiplier: float = 1.0,
    lot_size: float = 1.0,
    max_leverage: float = 1.0,
    exposure: float = 0.0,
) -> float:
    """Return the quantity, in whole lots, whose loss at the stop is at most ``risk_frac * bet_size`` of equity.

    ``min(risk_frac * bet_size * equity / (|entry - stop| * multiplier), room / (entry * multiplier))`` rounded down to
    lots, with ``room = max_leverage * equity - exposure``. 0 where that is below one lot. It is the rule that the
    session applies, called for one position.

    Parameters
    ----------
    equity, entry, stop, exposure : quote currency; `exposure` is the value already held or ordered.
    risk_frac, bet_size : share of equity at risk, and share of that to bet.
    multiplier, lot_size, max_leverage : value of a point of one unit; smallest quantity; exposure over equity.

    Raises
    ------
    UsageError
        If a price, the multiplier or the lot size is not positive.
    """
    for name, value in {"entry": entry, "stop": stop, "multiplier": multiplier, "lot_size": lot_size}.items():
        if not value > 0.0:
            raise UsageError(f"position_size: {name} = {value}; must be above 0")
    wanted = risked_quantity(equity, risk_frac, bet_size, entry, stop, multiplier, max_leverage, exposure)
    return float(whole_lots(wanted, lot_size))
