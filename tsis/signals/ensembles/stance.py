"""The probability that a rule strategy gives to another's side: how often such a stance paid before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tsis.signals.ensembles.past import Floats, Ints


def stance_probability(stance: npt.NDArray[np.int8], label: Floats, t0: Ints, t1: Ints) -> Floats:
    """Return (k + 1) / (n + 2): of n events that had ended (t1) before t0 with the same stance, k paid.

    A rule says which way and not how surely. Its stance to an event is with the side of it, against it, or none, and
    what each is worth is learnt from the past: Laplace's rule of succession, one half where there is none.

    Parameters
    ----------
    stance : (n,) +1 where the strategy is on the event's side, -1 where on the other, 0 where it has none.
    label : (n,) 1 where the event's side paid, 0 where not, NaN where it is not known.
    t0, t1 : (n,) microseconds; t1 counts where there is a label.
    """
    probability = np.full(stance.size, 0.5)
    for value in (-1, 0, 1):
        asked = np.flatnonzero(stance == value)
        known = asked[~np.isnan(label[asked])]
        ended = known[np.argsort(t1[known], kind="stable")]
        paid = np.concatenate(([0.0], np.cumsum(label[ended])))
        n = np.searchsorted(t1[ended], t0[asked], side="left")
        probability[asked] = (paid[n] + 1.0) / (n + 2.0)
    return probability
