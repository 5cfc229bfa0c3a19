"""How much a strategy trades, how long it is in the market, and how much money it could carry."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, ParamsError


def turnover_annual(traded: Sequence[float], equity: Sequence[float], periods_a_year: float) -> float | None:
    """Return the value traded a year over the mean equity; None without periods or where the mean is not above 0.

    Parameters
    ----------
    traded, equity : value bought and sold in each period, and equity at its end, in quote currency.
    """
    if len(traded) != len(equity):
        raise DataError(f"turnover: {len(traded):,} periods with trades and {len(equity):,} with equity")
    if not len(equity):
        return None
    mean = math.fsum(equity) / len(equity)
    return math.fsum(traded) * periods_a_year / len(traded) / mean if mean > 0 else None


def exposure_frac(n_held: int, n_periods: int) -> float | None:
    """Return the share of periods in which a position was held; None without periods."""
    return n_held / n_periods if n_periods else None


def capacity(
    fill_values: npt.ArrayLike, bar_values: npt.ArrayLike, equity: float, most_volume_frac: float = 0.01
) -> float | None:
    """Return the equity at which the trades, in proportion, take more than a share of the volume of their bars.

    ``equity * most_volume_frac / q``, where q is the share of volume that 95 % of the fills do not exceed. It is an
    upper bound: impact grows long before. None without fills, or where no bar had volume.

    Parameters
    ----------
    fill_values, bar_values : (n,) value of each fill, and value traded in its bar, in quote currency.
    equity : with which those fills were made.

    Raises
    ------
    DataError, ParamsError
        If lengths differ, or `most_volume_frac` is not within 0 and 1.
    """
    filled, traded = np.asarray(fill_values, dtype=np.float64), np.asarray(bar_values, dtype=np.float64)
    if filled.shape != traded.shape:
        raise DataError(f"capacity: {filled.size:,} fills and {traded.size:,} bars")
    if not 0.0 < most_volume_frac <= 1.0:
        raise ParamsError(f"capacity: most_volume_frac = {most_volume_frac}; must lie within 0 and 1")
    shares = filled[traded > 0] / traded[traded > 0]
    if not shares.size:
        return None
    usual = float(np.quantile(shares, 0.95))
    return equity * most_volume_frac / usual if usual > 0 else None
