"""The size that the distance of the price from its forecast gives, and the limit price of the order."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tsis.core.params import Params
from tsis.signals.dynamic_bet import limit_price, sigmoid_width, target_position
from tsis.signals.sizing.bets import Bets, Floats


class DynamicSizing(Params):
    """López de Prado (2018), 10.6: m(x) = x / sqrt(w + x²), x the forecast less the price.

    The forecast is the price that a bet is expected to end at: entry (1 + side (p pt - (1 - p) sl) target). No bet is
    made against its own side. The size is a whole number of `max_position` units, rounded towards none, and the limit
    price is what those units break even at on average: a worse price pays for a smaller position only.

    Parameters
    ----------
    divergence, size : a forecast so many targets away from the price has that size; the width w follows.
    max_position : units of a whole bet, never quite reached.
    """

    kind: Literal["dynamic"] = "dynamic"
    divergence: float = Field(default=1.0, gt=0)
    size: float = Field(default=0.5, gt=0, lt=1)
    max_position: int = Field(default=100, ge=2, le=10_000)

    def sizes(self, bets: Bets, step: float) -> tuple[Floats, Floats]:  # noqa: ARG002  its own units round it
        """Return size in [0, 1), in units of `max_position`, and limit price (NaN where there is no bet)."""
        size, limit = np.zeros(bets.t0.size), np.full(bets.t0.size, np.nan)
        expected = (bets.probability * bets.pt - (1.0 - bets.probability) * bets.sl) * bets.target
        forecast = bets.entry * (1.0 + bets.side * expected)
        for i in np.flatnonzero(expected > 0.0).tolist():
            width = sigmoid_width(self.divergence * bets.target[i] * bets.entry[i], self.size)
            units = target_position(forecast[i], bets.entry[i], width, self.max_position)
            size[i] = abs(units) / self.max_position
            limit[i] = limit_price(forecast[i], 0, units, width, self.max_position)
        return size, limit
