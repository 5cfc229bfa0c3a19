"""Probabilities that mean what they say: fitted on the training rows of one fold alone, on purged inner folds of them.

A model's probabilities on its own training rows are too sure of themselves, so a calibration learnt there would be too.
Here inner models predict the rows that they have not seen, purged as the outer folds are; the calibration is fitted on
these predictions, and applied to the model of all training rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.params import Params
from tsis.models.purged_k_fold import purged_k_fold
from tsis.models.sample import Sample

Floats = npt.NDArray[np.float64]

_CLIP = 1e-12
_NEWTON_STEPS = 100


class CalibrationParams(Params):
    """How a model's probabilities are calibrated.

    Parameters
    ----------
    method : ``none``; ``sigmoid``, two numbers, for a few hundred labels; ``isotonic``, any rising step line, which
        wants a thousand or more.
    n_folds, embargo_frac : of the inner purged k-fold.
    """

    method: Literal["none", "sigmoid", "isotonic"] = "none"
    n_folds: int = Field(default=3, ge=2)
    embargo_frac: float = Field(default=0.01, ge=0, lt=1)


class Calibration(Params):
    """A fitted calibration, as it is stored with the model.

    Parameters
    ----------
    method : ``sigmoid`` or ``isotonic``.
    slope, intercept : of the log-odds; sigmoid only.
    x, y : the corners of the line, x ascending; outside them it is flat; isotonic only.
    """

    method: Literal["sigmoid", "isotonic"]
    slope: float = 1.0
    intercept: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def apply(self, probability: Floats) -> Floats:
        """Return the calibrated probabilities of probabilities (n,)."""
        if self.method == "isotonic":
            found: Floats = np.interp(probability, self.x, self.y)
            return found
        return _expit(self.slope * log_odds(probability) + self.intercept)


class _Predicts(Protocol):
    def probability(self, x: Floats) -> Floats: ...


def calibrate(sample: Sample, learn: Callable[[Sample], _Predicts], params: CalibrationParams) -> Calibration | None:
    """Return the calibration of what `learn` makes of these rows, None where the method is ``none``.

    Raises
    ------
    DataError
        If the sample has no windows, fewer rows than inner folds, or a part of it can't be learnt from.
    """
    if params.method == "none":
        return None
    t0, t1 = sample.windows("calibration")
    probability = np.empty(sample.n)
    for train, test in purged_k_fold(t0, t1, params.n_folds, params.embargo_frac):
        probability[test] = learn(sample.rows(train)).probability(sample.x[test])
    weight = sample.relative_weight()
    fitted = sigmoid if params.method == "sigmoid" else isotonic
    return fitted(probability, sample.label, weight)


def sigmoid(probability: Floats, label: Floats, weight: Floats) -> Calibration:
    """Return Platt's calibration: a logistic regression of the label on the log-odds.

    Platt (1999) with his softened targets, (n1 + 1) / (n1 + 2) and 1 / (n0 + 2) with weighted counts, which keep the
    slope finite where the classes part; solved by Newton's method, which halves a step that does not help (Lin, Lin and
    Weng 2007). Sums are exact, so that their order changes nothing.

    Parameters
    ----------
    probability, label, weight : (n,) of predictions that were made out of fold.
    """
    score = log_odds(probability)
    n1, n0 = math.fsum(weight * label), math.fsum(weight * (1.0 - label))
    target = np.where(label == 1.0, (n1 + 1.0) / (n1 + 2.0), 1.0 / (n0 + 2.0))
    a, b = 0.0, math.log((n1 + 1.0) / (n0 + 1.0))
    loss = _loss(a * score + b, target, weight)
    for _ in range(_NEWTON_STEPS):
        p = _expit(a * score + b)
        slack, curve = weight * (p - target), weight * p * (1.0 - p)
        g_a, g_b = math.fsum(slack * score), math.fsum(slack)
        if max(abs(g_a), abs(g_b)) < 1e-10 * weight.size:
            break
        h_aa, h_ab, h_bb = math.fsum(curve * score**2) + _CLIP, math.fsum(curve * score), math.fsum(curve) + _CLIP
        determinant = h_aa * h_bb - h_ab * h_ab
        d_a, d_b = (h_ab * g_b - h_bb * g_a) / determinant, (h_ab * g_a - h_aa * g_b) / determinant
        step = 1.0
        while step > 1e-10:
            tried = _loss((a + step * d_a) * score + b + step * d_b, target, weight)
            if tried < loss:
                a, b, loss = a + step * d_a, b + step * d_b, tried
                break
            step /= 2.0
        else:
            break
    return Calibration(method="sigmoid", slope=a, intercept=b)


def isotonic(probability: Floats, label: Floats, weight: Floats) -> Calibration:
    """Return the rising line nearest to the labels in weighted squares (pool adjacent violators), as scikit-learn's.

    Parameters
    ----------
    probability, label, weight : (n,) of predictions that were made out of fold.
    """
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415  slow import

    line = IsotonicRegression(out_of_bounds="clip", y_min=0.0, y_max=1.0).fit(probability, label, sample_weight=weight)
    return Calibration(
        method="isotonic", x=tuple(line.X_thresholds_.tolist()), y=tuple(np.clip(line.y_thresholds_, 0.0, 1.0).tolist())
    )


def log_odds(probability: Floats) -> Floats:
    """Return log(p / (1 - p)), p kept 1e-12 away from 0 and 1."""
    p = np.clip(probability, _CLIP, 1.0 - _CLIP)
    odds: Floats = np.log(p) - np.log1p(-p)
    return odds


def _expit(z: Floats) -> Floats:
    e = np.exp(-np.abs(z))
    p: Floats = np.where(z >= 0.0, 1.0, e) / (1.0 + e)
    return p


def _loss(z: Floats, target: Floats, weight: Floats) -> float:
    return math.fsum(weight * (np.maximum(z, 0.0) - z * target + np.log1p(np.exp(-np.abs(z)))))
