"""How likely a strategy of bets with two outcomes misses its Sharpe ratio; López de Prado (2018), chapter 15.

A bet gains `profit_target` with the probability `precision` and else `stop_loss` (negative), `n_bets` times a year,
independently. Sharpe ratios are annual. This is the risk of the strategy, not of its holdings.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, ParamsError

_NORMAL = NormalDist()


def bet_sharpe(stop_loss: float, profit_target: float, n_bets: float, precision: float) -> float:
    """Return the annual Sharpe ratio of such bets (binSR, snippet 15.2); NaN where the outcome is certain."""
    _require_outcomes(stop_loss, profit_target)
    if not 0.0 < precision < 1.0:
        return math.nan
    span = profit_target - stop_loss
    return (span * precision + stop_loss) / (span * math.sqrt(precision * (1.0 - precision))) * math.sqrt(n_bets)


def needed_precision(stop_loss: float, profit_target: float, n_bets: float, sharpe: float) -> float:
    """Return the smallest precision at which the bets have at least that annual Sharpe ratio (binHR, snippet 15.3).

    The root of ``(n + SR²) Δ² p² + (2 n sl - SR² Δ) Δ p + n sl² = 0``, Δ = profit_target - stop_loss, on the side of
    the sign of `sharpe`: ``(SR² Δ - 2 n sl + SR sqrt(SR² Δ² - 4 n sl pt)) / (2 (n + SR²) Δ)``. NaN where both outcomes
    have one sign and no precision makes so small a Sharpe ratio.
    """
    _require_outcomes(stop_loss, profit_target)
    if not n_bets > 0.0:
        raise ParamsError(f"strategy risk: n_bets = {n_bets:g}; must be positive")
    span = profit_target - stop_loss
    under_root = (sharpe * span) ** 2 - 4.0 * n_bets * stop_loss * profit_target
    if under_root < 0.0:
        return math.nan
    above = sharpe**2 * span - 2.0 * n_bets * stop_loss + sharpe * math.sqrt(under_root)
    return above / (2.0 * (n_bets + sharpe**2) * span)


def needed_bets(stop_loss: float, profit_target: float, precision: float, sharpe: float) -> float:
    """Return the bets a year at which they have that annual Sharpe ratio (snippet 15.4); not rounded.

    NaN where no number of them has: the Sharpe ratio and what a bet gains on average differ in sign, or one is 0.
    """
    _require_outcomes(stop_loss, profit_target)
    of_one = bet_sharpe(stop_loss, profit_target, 1.0, precision)
    return (sharpe / of_one) ** 2 if of_one * sharpe > 0.0 else math.nan


def failure_probability(bet_returns: npt.ArrayLike, n_bets: float, sharpe: float, horizon_years: float = 2.0) -> float:
    """Return the probability that the precision over the horizon is below the one that `sharpe` needs (15.4).

    Precision and mean gain and loss are those of the bets; the precision over ``n_bets * horizon_years`` future bets is
    taken as normal around it with the variance p (1 - p) / (n_bets * horizon_years). The book's snippet 15.5 has no
    horizon and takes p (1 - p) itself as the standard deviation.

    Parameters
    ----------
    bet_returns : (n,) result of each closed bet; zero is a loss, as in the book.
    n_bets : a year.
    sharpe : annual, the one that must be reached.

    Returns
    -------
    In [0, 1]; NaN where there are not both gains and losses with a mean below zero: the model has nothing to say.

    Raises
    ------
    DataError
        If a return is not finite.
    """
    if not (n_bets > 0.0 and horizon_years > 0.0):
        raise ParamsError(f"strategy risk: {n_bets:g} bets a year over {horizon_years:g} years; both must be positive")
    values = np.asarray(bet_returns, dtype=np.float64)
    n_bad = int(np.count_nonzero(~np.isfinite(values)))
    if n_bad:
        raise DataError(f"strategy risk: {n_bad:,} of {values.size:,} results of bets are NaN or infinite")
    gains, losses = values[values > 0.0].tolist(), values[values <= 0.0].tolist()
    if not gains or not math.fsum(losses) < 0.0:
        return math.nan
    precision = len(gains) / values.size
    needed = needed_precision(math.fsum(losses) / len(losses), math.fsum(gains) / len(gains), n_bets, sharpe)
    spread = math.sqrt(precision * (1.0 - precision) / (n_bets * horizon_years))
    return _NORMAL.cdf((needed - precision) / spread)


def _require_outcomes(stop_loss: float, profit_target: float) -> None:
    if not (math.isfinite(stop_loss) and math.isfinite(profit_target) and stop_loss < profit_target):
        raise ParamsError(
            f"strategy risk: stop_loss = {stop_loss:g} and profit_target = {profit_target:g}; the first must be lower"
        )
