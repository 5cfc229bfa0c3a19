"""Moments of returns, in the conventions of `tsis.analytics.sharpe`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_NOISE = 1e-14


@dataclass(frozen=True)
class Moments:
    """What the Sharpe family needs of a series of returns; None where undefined.

    Parameters
    ----------
    sharpe : mean over standard deviation with ddof 1, per observation; None for fewer than two returns or where they
        are all equal.
    skew, kurtosis : population moments, kurtosis 3 for normal returns; None where `sharpe` is.
    """

    sharpe: float | None
    skew: float | None
    kurtosis: float | None


def moments(returns: Sequence[float]) -> Moments:
    """Return the moments, each summed exactly, so that they do not depend on the order of summation."""
    n = len(returns)
    if n < 2:
        return Moments(None, None, None)
    mean = math.fsum(returns) / n
    second, third, fourth = (math.fsum((x - mean) ** power for x in returns) / n for power in (2, 3, 4))
    if second <= _NOISE * max(mean * mean, 1e-12):
        return Moments(None, None, None)
    return Moments(sharpe=mean / math.sqrt(second * n / (n - 1)), skew=third / second**1.5, kurtosis=fourth / second**2)
