"""How much to bet on a probability."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def bet_size(probability: Floats, step: float) -> Floats:
    """Return the share of the allowed risk to bet on a side that pays with `probability`; López de Prado (2018), 10.3.

    ``z = (p - 1/2) / sqrt(p (1 - p))``, size = ``2 Φ(z) - 1``, rounded half up to multiples of `step` so that small
    changes of the probability do not trade. With two outcomes (acting pays or not) a probability below one half bets
    nothing: the side is the primary model's and is not turned round.

    Parameters
    ----------
    probability : (n,) in [0, 1].
    step : in (0, 1]; the result is at most 1.

    Returns
    -------
    (n,) in [0, 1]; non-decreasing in the probability.
    """
    variance = probability * (1.0 - probability)
    z = np.divide(
        probability - 0.5, np.sqrt(variance), out=np.where(probability > 0.5, np.inf, -np.inf), where=variance > 0
    )
    size = np.array([max(math.erf(x / math.sqrt(2.0)), 0.0) for x in z.tolist()])  # erf(z / √2) = 2 Φ(z) - 1
    return np.minimum(np.floor(size / step + 0.5) * step, 1.0)
