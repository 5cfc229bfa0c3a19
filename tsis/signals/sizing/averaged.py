"""The size that a bet leaves to the average of all that are active."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tsis.core.params import Params
from tsis.signals.active_bets import average_active
from tsis.signals.bet_size import discretised
from tsis.signals.sizing.bets import Bets, Floats
from tsis.signals.sizing.probability import unrounded


class AveragedSizing(Params):
    """López de Prado (2018), 10.4: the average of the sizes of all active bets on the series, this one among them.

    The position at a bet's t0 is to be that average, on its side; where the average lies on the other side there is
    none. A bet that is not made has the size of its own probability. Bets of one t0 are averaged together.
    """

    kind: Literal["averaged"] = "averaged"

    def sizes(self, bets: Bets, step: float) -> tuple[Floats, Floats]:
        """Return size in [0, 1], in multiples of `step`, and limit price (NaN: at market)."""
        size = unrounded(bets)
        for chosen, made in bets.made_by_series():
            moments, average = average_active(made.t0, made.t1, made.side * size[chosen])
            size[chosen] = np.maximum(made.side * average[np.searchsorted(moments, made.t0)], 0.0)
        return discretised(size, step), np.full(size.size, np.nan)
