"""A bet that follows the price: its size, the position it aims at, and the limit price of the order that gets there.

The size is a sigmoid of the divergence x of the forecast from the price, ``m(x) = x / sqrt(w + x²)``: as the price
comes nearer to the forecast the position is closed step by step, and no step is taken at a price that does not pay it.
López de Prado (2018), 10.6, snippet 10.4. Forecast and price are in the same units.
"""

from __future__ import annotations

import math

from tsis.core.errors import DataError, ParamsError


def sigmoid_width(divergence: float, size: float) -> float:
    """Return the w with which a divergence (not 0) has the size (in (0, 1), its absolute value)."""
    if not (math.isfinite(divergence) and divergence != 0.0 and 0.0 < size < 1.0):
        raise ParamsError(
            f"dynamic bet: divergence = {divergence:g}, size = {size:g}; needs one that is not 0, and (0, 1)"
        )
    return divergence**2 * (size**-2 - 1.0)


def dynamic_bet_size(forecast: float, price: float, width: float) -> float:
    """Return the size in [-1, 1], positive where the forecast lies above the price; NaN where one of them is."""
    _require_width(width)
    divergence = forecast - price
    return divergence / math.sqrt(width + divergence**2)


def target_position(forecast: float, price: float, width: float, max_position: int) -> int:
    """Return the position to hold, in whole units, rounded towards none: always less than `max_position`.

    Raises
    ------
    DataError
        If forecast or price is not finite.
    """
    _require_position(max_position)
    if not (math.isfinite(forecast) and math.isfinite(price)):
        raise DataError(f"dynamic bet: forecast = {forecast:g}, price = {price:g}; both must be finite")
    size = dynamic_bet_size(forecast, price, width)
    # a size below 1 may be rounded to 1, for which there is no breakeven price
    return int(math.copysign(min(math.floor(abs(size) * max_position), max_position - 1), size))


def breakeven_price(forecast: float, size: float, width: float) -> float:
    """Return the price at which the bet has that size, in (-1, 1): the inverse of `dynamic_bet_size`."""
    _require_width(width)
    if not -1.0 < size < 1.0:
        raise ParamsError(f"dynamic bet: size = {size:g}; must lie between -1 and 1")
    return forecast - size * math.sqrt(width / (1.0 - size**2))


def limit_price(forecast: float, position: int, target: int, width: float, max_position: int) -> float:
    """Return the limit price of the order from `position` to `target`: what its units break even at on average.

    The unit that brings the position to j breaks even at the price at which j is the position to hold, on the way up
    and on the way down. (The snippet sums over absolute positions, which is the same for growing long ones only.)

    NaN where the position is the target already: there is no order.

    Raises
    ------
    ParamsError
        If a position on the way reaches `max_position`: no price is far enough for it.
    """
    _require_position(max_position)
    if position == target:
        return math.nan
    step = 1 if target > position else -1
    prices = [breakeven_price(forecast, j / max_position, width) for j in range(position + step, target + step, step)]
    return math.fsum(prices) / len(prices)


def _require_width(width: float) -> None:
    if not (width > 0.0 and math.isfinite(width)):
        raise ParamsError(f"dynamic bet: width = {width:g}; must be positive and finite")


def _require_position(max_position: int) -> None:
    if max_position < 2:
        raise ParamsError(f"dynamic bet: max_position = {max_position}; must be at least 2, it is never quite reached")
