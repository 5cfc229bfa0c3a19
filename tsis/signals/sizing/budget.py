"""The size that the number of active bets leaves of a budget."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tsis.core.params import Params
from tsis.signals.active_bets import budget_size, concurrent_bets
from tsis.signals.bet_size import discretised
from tsis.signals.sizing.bets import Bets, Floats


class BudgetSizing(Params):
    """López de Prado (2018), 10.2: active long bets over their maximum less active short bets over theirs.

    The position at a bet's t0 is to be that, on its side; where it lies on the other side there is none. A bet that is
    not made counts as if it were the only one.

    Parameters
    ----------
    most_long, most_short : active bets on one series with which the whole budget is used. The book takes those of the
        whole sample, which nobody knows at t0; take them from an earlier period.
    """

    kind: Literal["budget"] = "budget"
    most_long: int = Field(ge=1)
    most_short: int = Field(ge=1)

    def sizes(self, bets: Bets, step: float) -> tuple[Floats, Floats]:
        """Return size in [0, 1], in multiples of `step`, and limit price (NaN: at market)."""
        size = np.where(bets.side > 0.0, 1.0 / self.most_long, 1.0 / self.most_short)
        for chosen, made in bets.made_by_series():
            n_long, n_short = concurrent_bets(made.t0, made.t1, made.side)
            share = budget_size(n_long, n_short, self.most_long, self.most_short)
            size[chosen] = np.maximum(made.side * share, 0.0)
        return discretised(size, step), np.full(size.size, np.nan)
