"""When a day has lost enough."""

from __future__ import annotations

from tsis.kernels.risk import daily_loss_frac


def is_daily_loss_reached(equity: float, equity_before: float, limit_frac: float) -> bool:
    """Tell whether the loss since the end of the day before has reached `limit_frac` of the equity then.

    The session then takes no entry and closes what is held, until the next day. It is the rule that the session
    applies at every close; without equity before, it is reached.
    """
    return bool(daily_loss_frac(equity, equity_before) >= limit_frac)
