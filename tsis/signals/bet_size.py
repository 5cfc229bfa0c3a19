"""How much to bet on a probability."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, ParamsError

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
    size = np.maximum(_confidence(probability, 2), 0.0)
    return np.minimum(np.floor(size / step + 0.5) * step, 1.0)


def signed_bet_size(probability: Floats, side: npt.ArrayLike, n_classes: int = 2) -> Floats:
    """Return the size of a bet on the predicted `side` of `n_classes`, with its sign; López de Prado (2018), 10.3.

    ``z = (p - 1/n) / sqrt(p (1 - p))``, size = ``side * (2 Φ(z) - 1)``, not rounded (see `discretised`). With two
    classes the side of a probability below one half is turned round; a predicted class of more has at least 1/n.

    Parameters
    ----------
    probability : (n,) of the predicted side, in [0, 1].
    side : (n,) -1, 0 or 1.
    n_classes : outcomes that the model tells apart, at least 2.

    Returns
    -------
    (n,) in [-1, 1]; NaN where the probability is NaN.

    Raises
    ------
    DataError
        If a probability or a side is out of range.
    ParamsError
        If `n_classes` is below 2.
    """
    if n_classes < 2:
        raise ParamsError(f"bet size: n_classes = {n_classes}; must be at least 2")
    p, sides = np.asarray(probability, dtype=np.float64), np.asarray(side, dtype=np.float64)
    n_bad = int(np.count_nonzero((p < 0.0) | (p > 1.0))), int(np.count_nonzero(~np.isin(sides, (-1.0, 0.0, 1.0))))
    if any(n_bad) or p.shape != sides.shape:
        raise DataError(
            f"bet size: {n_bad[0]:,} of {p.size:,} probabilities lie outside [0, 1] and {n_bad[1]:,} of {sides.size:,} "
            "sides are none of -1, 0, 1; needs one of each a bet"
        )
    return sides * _confidence(p, n_classes)


def discretised(size: Floats, step: float) -> Floats:
    """Return sizes rounded to multiples of `step`, half away from zero, within [-1, 1]; López de Prado (2018), 10.5.

    Parameters
    ----------
    size : (n,) in [-1, 1]; NaN stays.
    step : in (0, 1].

    Raises
    ------
    ParamsError
        If `step` is out of range.
    """
    if not 0.0 < step <= 1.0:
        raise ParamsError(f"bet size: step = {step}; must lie in (0, 1]")
    return np.copysign(np.minimum(np.floor(np.abs(size) / step + 0.5) * step, 1.0), size)


def _confidence(probability: Floats, n_classes: int) -> Floats:
    """Return 2 Φ(z) - 1."""
    variance = probability * (1.0 - probability)
    excess = probability - 1.0 / n_classes
    z = np.divide(excess, np.sqrt(variance), out=np.where(excess > 0.0, np.inf, -np.inf), where=variance != 0.0)
    return np.array([math.erf(x / math.sqrt(2.0)) for x in z.tolist()], dtype=np.float64)  # erf(z / √2) = 2 Φ(z) - 1
