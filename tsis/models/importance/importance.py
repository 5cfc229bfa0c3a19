"""What every method of importance takes and gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

Predictor = Callable[[Floats], Floats]
"""(m, k) features → (m,) probabilities of label 1."""
Fitter = Callable[[Floats, Floats, Floats], Predictor]
"""(n, k) features, (n,) labels of 0 and 1, (n,) weights → what predicts; equal rows must give equal predictors."""

_CLIP = 1e-15


@dataclass(frozen=True, eq=False)
class Importance:
    """Importance of k features, or clusters of them.

    Parameters
    ----------
    mean, std : (k,) mean and standard deviation (ddof 1; NaN for one) over the folds or trees.
    n : (k,) how many of them there are.
    """

    mean: Floats
    std: Floats
    n: Rows

    @property
    def standard_error(self) -> Floats:
        """Return (k,) std / sqrt(n): beyond two of them from zero a feature probably matters."""
        return np.asarray(self.std / np.sqrt(self.n))


def over_folds(values: Floats) -> Importance:
    """Return mean and spread of (folds, k) values; NaN ones are left out."""
    n = np.count_nonzero(~np.isnan(values), axis=0)
    mean = np.array([_mean(column) for column in values.T])
    square = np.array([math.fsum(column[~np.isnan(column)] ** 2) for column in (values - mean).T])
    std = np.sqrt(np.divide(square, n - 1, out=np.full(mean.size, np.nan), where=n > 1))
    return Importance(mean, std, n.astype(np.int64))


def log_loss(label: Floats, weight: Floats, probability: Floats) -> float:
    """Return the weighted mean log loss in nats; weights sum to more than zero."""
    p = np.clip(probability, _CLIP, 1.0 - _CLIP)
    losses = -np.where(label == 1.0, np.log(p), np.log1p(-p))
    return math.fsum(weight * losses) / math.fsum(weight)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return math.fsum(known) / known.size if known.size else math.nan
