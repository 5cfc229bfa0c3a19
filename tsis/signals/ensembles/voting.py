"""Majority voting."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tsis.core.params import Params
from tsis.signals.ensembles.past import Floats, Past, shares


class Voting(Params):
    """Each member votes for acting (p > 1/2) or against it (p < 1/2); the majority's mean probability holds.

    Where both have as many votes, all members count alike.
    """

    kind: Literal["voting"] = "voting"

    def weights(self, probability: Floats, past: Past) -> Floats:  # noqa: ARG002
        """Return weights (n, k) that sum to 1 in each row; see `tsis.signals.ensembles.past`."""
        vote = np.sign(probability - 0.5)
        winner = np.sign(vote.sum(axis=1, keepdims=True))
        return shares(np.where(winner == 0.0, 1.0, vote == winner))
