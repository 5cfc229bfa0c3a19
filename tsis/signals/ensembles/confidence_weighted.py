"""Members count as they are sure."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tsis.core.params import Params
from tsis.signals.ensembles.past import Floats, Past, shares


class ConfidenceWeighted(Params):
    """A member's weight is |2 p - 1|; where none leans either way, all count alike."""

    kind: Literal["confidence_weighted"] = "confidence_weighted"

    def weights(self, probability: Floats, past: Past) -> Floats:  # noqa: ARG002
        """Return weights (n, k) that sum to 1 in each row; see `tsis.signals.ensembles.past`."""
        return shares(np.abs(2.0 * probability - 1.0))
