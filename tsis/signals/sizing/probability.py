"""The size that the probability of a bet alone gives."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tsis.core.params import Params
from tsis.signals.bet_size import discretised, signed_bet_size
from tsis.signals.sizing.bets import Bets, Floats


class ProbabilitySizing(Params):
    """López de Prado (2018), 10.3: 2 Φ(z) - 1 with z = (p - 1/2) / sqrt(p (1 - p)); nothing below one half."""

    kind: Literal["probability"] = "probability"

    def sizes(self, bets: Bets, step: float) -> tuple[Floats, Floats]:
        """Return size in [0, 1], in multiples of `step`, and limit price (NaN: at market)."""
        return discretised(unrounded(bets), step), np.full(bets.t0.size, np.nan)


def unrounded(bets: Bets) -> Floats:
    """Return the size of each bet on its side, in [0, 1]; a probability below one half turns no side round."""
    return np.maximum(signed_bet_size(bets.probability, np.ones(bets.t0.size)), 0.0)
