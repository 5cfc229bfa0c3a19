"""What is known of the members of an ensemble when it decides: how they did on events that are over.

A rule takes `probability` (n, k), the members' walk-forward probabilities at n events in the order of t0, and what was
known at each of them. At an event those count whose label had ended (t1) before its t0, strictly: what a refit may
learn from, too. The members' predictions of them were made before that, by models that had not seen them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COIN: Final = math.log(2.0)
_SMALLEST: Final = 1e-15


@dataclass(frozen=True)
class Past:
    """The past of n events.

    Parameters
    ----------
    n : (n,) events that had ended before each.
    losses : (m + 1, k) running sums of the members' log losses over the m ended events, in the order of their end.
    """

    n: Ints
    losses: Floats

    @classmethod
    def of(cls, probability: Floats, label: Floats, t0: Ints, t1: Ints) -> Self:
        """Return what was known at each event.

        Parameters
        ----------
        probability : (n, k).
        label : (n,) 1 where the side paid, 0 where not, NaN where it is not known.
        t0, t1 : (n,) microseconds; t0 ascending; t1 counts where there is a label.
        """
        labelled = np.flatnonzero(~np.isnan(label))
        ended = labelled[np.lexsort((labelled, t1[labelled]))]
        p, y = np.clip(probability[ended], _SMALLEST, 1.0 - _SMALLEST), label[ended][:, None]
        loss = -(y * np.log(p) + (1.0 - y) * np.log(1.0 - p))
        sums = np.concatenate((np.zeros((1, probability.shape[1])), np.cumsum(loss, axis=0)))
        return cls(n=np.searchsorted(t1[ended], t0, side="left"), losses=sums)

    def log_loss(self, window: int) -> Floats:
        """Return (n, k) mean log losses over the last `window` ended events; those of a coin where there are none."""
        first = np.maximum(self.n - window, 0)
        total = self.losses[self.n] - self.losses[first]
        count = (self.n - first)[:, None]
        return np.asarray(np.divide(total, count, out=np.full(total.shape, COIN), where=count > 0))


def shares(weights: npt.ArrayLike) -> Floats:
    """Return weights (n, k), none below 0, over the sum of their row; equal ones where all are 0."""
    given = np.asarray(weights, dtype=np.float64)
    total = given.sum(axis=1, keepdims=True)
    alike = np.full(given.shape, 1.0 / max(given.shape[1], 1))
    return np.asarray(np.divide(given, total, out=alike, where=total > 0.0))
