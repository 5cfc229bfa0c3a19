"""The member that did best."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tsis.core.params import Params
from tsis.signals.ensembles.past import Floats, Past, shares


class BestPerformer(Params):
    """The member with the smallest mean log loss on past events counts alone; of equal ones the first.

    All count alike before `min_past` past events are known.

    Parameters
    ----------
    window : the last so many events whose label was known.
    min_past : at least so many.
    """

    kind: Literal["best_performer"] = "best_performer"
    window: int = Field(default=200, ge=1)
    min_past: int = Field(default=30, ge=1)

    def weights(self, probability: Floats, past: Past) -> Floats:
        """Return weights (n, k) that sum to 1 in each row; see `tsis.signals.ensembles.past`."""
        best = past.log_loss(self.window).argmin(axis=1)
        alone = np.arange(probability.shape[1]) == best[:, None]
        return shares(np.where(past.n[:, None] >= self.min_past, alone, 1.0))
