"""The account that a backtest starts with, and its limits."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.params import Params


class AccountParams(Params):
    """The account and its limits.

    Parameters
    ----------
    start_equity : cash at the start, in the quote currency of its instruments.
    risk_per_trade_frac : share of equity that a trade may lose at its stop, at a bet size of 1.
    max_positions : positions and waiting entries at a time.
    daily_loss_frac : loss since the end of the day before that stops the day.
    max_gross_frac, max_net_frac : value of all positions, and of the long less the short ones, over equity; None for no
        limit beside the markets'.
    """

    start_equity: float = Field(default=100_000.0, gt=0)
    risk_per_trade_frac: float = Field(default=0.02, gt=0, le=1)
    max_positions: int = Field(default=1, ge=1)
    daily_loss_frac: float = Field(default=0.05, gt=0, le=1)
    max_gross_frac: float | None = Field(default=None, gt=0)
    max_net_frac: float | None = Field(default=None, gt=0)

    def limits(self) -> npt.NDArray[np.float64]:
        """Return the `limits` of the session kernel."""
        most = [math.inf if limit is None else limit for limit in (self.max_gross_frac, self.max_net_frac)]
        return np.array([self.risk_per_trade_frac, float(self.max_positions), self.daily_loss_frac, *most])
