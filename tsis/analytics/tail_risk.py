"""How much is lost in the worst periods: figures of the sample, not of a fitted distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tsis.core.errors import ParamsError


def value_at_risk_frac(returns: Sequence[float], confidence: float = 0.95) -> float | None:
    """Return the loss that is not exceeded with `confidence`, in one period; positive for a loss.

    Minus the quantile ``1 - confidence`` of the returns, linear between order statistics; None without returns.

    Raises
    ------
    ParamsError
        If `confidence` is not between 0 and 1.
    """
    _require_confidence(confidence)
    return -float(np.quantile(np.asarray(returns, dtype=np.float64), 1.0 - confidence)) if len(returns) else None


def conditional_value_at_risk_frac(returns: Sequence[float], confidence: float = 0.95) -> float | None:
    """Return the mean loss of the worst ``1 - confidence`` of periods (expected shortfall); positive for a loss.

    The mean of the returns that are not above the value at risk, at least one; None without returns. Rockafellar &
    Uryasev (2000). As `value_at_risk_frac`.
    """
    at_risk = value_at_risk_frac(returns, confidence)
    if at_risk is None:
        return None
    tail = [x for x in returns if x <= -at_risk] or [min(returns)]
    return -math.fsum(tail) / len(tail)


def _require_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ParamsError(f"value at risk: confidence = {confidence}; must lie between 0 and 1")
