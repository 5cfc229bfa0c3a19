"""Members count as they did well."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tsis.core.params import Params
from tsis.signals.ensembles.past import COIN, Floats, Past, shares


class PerformanceWeighted(Params):
    """A member's weight is what its mean log loss on past events is below that of a coin, ln 2; none if it is above.

    All count alike where none is below, and before `min_past` past events are known.

    Parameters
    ----------
    window : the last so many events whose label was known.
    min_past : at least so many.
    """

    kind: Literal["performance_weighted"] = "performance_weighted"
    window: int = Field(default=200, ge=1)
    min_past: int = Field(default=30, ge=1)

    def weights(self, probability: Floats, past: Past) -> Floats:  # noqa: ARG002
        """Return weights (n, k) that sum to 1 in each row; see `tsis.signals.ensembles.past`."""
        gain = np.maximum(COIN - past.log_loss(self.window), 0.0)
        return shares(np.where(past.n[:, None] >= self.min_past, gain, 1.0))
