"""What closed trades made, fees included. Undefined is None."""

from __future__ import annotations

import math
from collections.abc import Sequence


def win_rate_frac(results: Sequence[float]) -> float | None:
    """Return the share of trades with a gain; None without trades."""
    return sum(x > 0 for x in results) / len(results) if len(results) else None


def expectancy(results: Sequence[float]) -> float | None:
    """Return the mean result of a trade; None without trades."""
    return math.fsum(results) / len(results) if len(results) else None


def profit_factor(results: Sequence[float]) -> float | None:
    """Return the sum of gains over the sum of losses; None without losses."""
    losses = -math.fsum(x for x in results if x < 0)
    return math.fsum(x for x in results if x > 0) / losses if losses > 0 else None


def payoff_ratio(results: Sequence[float]) -> float | None:
    """Return the mean gain over the mean loss; None without gains or without losses."""
    gains, losses = [x for x in results if x > 0], [-x for x in results if x < 0]
    if not gains or not losses:
        return None
    return math.fsum(gains) / len(gains) / (math.fsum(losses) / len(losses))


def longest_losing_streak(results: Sequence[float]) -> int:
    """Return the most trades without a gain in a row."""
    longest = current = 0
    for result in results:
        current = 0 if result > 0 else current + 1
        longest = max(longest, current)
    return longest
