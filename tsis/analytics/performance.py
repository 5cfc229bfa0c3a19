"""Return against risk, of a series of returns a period. Undefined is None.

Returns are simple and per period; `periods_a_year` annualises. Sums are exact, so that they do not depend on the order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tsis.analytics.drawdown import max_drawdown_frac, wealth
from tsis.analytics.moments import moments


def annual_return_frac(returns: Sequence[float], periods_a_year: float) -> float | None:
    """Return the constant yearly return that compounds to the same; None without returns or where all was lost."""
    if not returns or min(returns) <= -1.0:
        return None
    try:
        return math.expm1(math.fsum(map(math.log1p, returns)) * periods_a_year / len(returns))
    except OverflowError:
        return None


def volatility_annual_frac(returns: Sequence[float], periods_a_year: float) -> float | None:
    """Return the standard deviation (ddof 1) times the root of the periods a year; None for fewer than two returns."""
    n = len(returns)
    if n < 2:
        return None
    mean = math.fsum(returns) / n
    return math.sqrt(math.fsum((x - mean) ** 2 for x in returns) / (n - 1) * periods_a_year)


def sharpe_annual(returns: Sequence[float], periods_a_year: float) -> float | None:
    """Return mean over standard deviation (ddof 1), annualised; None as in `tsis.analytics.moments.moments`."""
    sharpe = moments(returns).sharpe
    return None if sharpe is None else sharpe * math.sqrt(periods_a_year)


def sortino_annual(returns: Sequence[float], periods_a_year: float, target: float = 0.0) -> float | None:
    """Return the mean excess over downside deviation, annualised; Sortino & van der Meer (1991).

    The downside deviation is the root of the mean, over all periods, of ``min(return - target, 0) ** 2``; None without
    a period below the target, or for fewer than two.

    Parameters
    ----------
    target : least acceptable return a period.
    """
    n = len(returns)
    downside = math.fsum(min(x - target, 0.0) ** 2 for x in returns)
    if n < 2 or downside <= 0.0:
        return None
    return math.fsum(x - target for x in returns) / n / math.sqrt(downside / n) * math.sqrt(periods_a_year)


def calmar(returns: Sequence[float], periods_a_year: float) -> float | None:
    """Return the annual return over the maximum drawdown; Young (1991). None without a loss."""
    annual, drawdown = annual_return_frac(returns, periods_a_year), max_drawdown_frac(wealth(returns))
    return None if annual is None or not drawdown > 0.0 else annual / drawdown
