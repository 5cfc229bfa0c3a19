"""Why a model said what it said of one row: what each feature added to the log-odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from tsis.core.errors import UsageError
from tsis.models.artifact import LoadedModel

Floats = npt.NDArray[np.float64]


@runtime_checkable
class Additive(Protocol):
    """A learner that can say what each feature adds."""

    def contributions(self, x: Floats) -> tuple[Floats, Floats]:
        """Return the margins (n,) and what features and, last, the bias add to them (n, k + 1), in log-odds."""


@dataclass(frozen=True)
class Contribution:
    """What one feature added.

    Parameters
    ----------
    feature : its name.
    value : on this row; NaN where it was missing.
    log_odds : what it added to the margin.
    """

    feature: str
    value: float
    log_odds: float


@dataclass(frozen=True)
class Explanation:
    """One prediction taken apart: ``margin`` is ``bias`` and all contributions added up.

    Parameters
    ----------
    probability : as the model gives it, calibrated where it is.
    margin : log-odds before calibration.
    bias : log-odds that the model gives where it knows nothing of the row: the mean over the training rows.
    contributions : the largest first, whatever the sign; features that added nothing too.
    """

    probability: float
    margin: float
    bias: float
    contributions: tuple[Contribution, ...]


def explain(model: LoadedModel, row: Floats, features: Sequence[str]) -> Explanation:
    """Return what each feature added to the prediction of one row.

    For XGBoost these are its own SHAP values (``pred_contribs``, Lundberg's TreeSHAP), exact up to float32; for
    logistic regression coefficient times distance from the training mean, which are the SHAP values of a linear model
    with independent features. Other estimators average probabilities and have none here.

    Parameters
    ----------
    row : (k,) values of `features`, NaN where missing.

    Raises
    ------
    DataError
        If the features are not those of the model.
    UsageError
        If the estimator has no such values.
    """
    x = np.asarray(row, dtype=np.float64).reshape(1, -1)
    probability = float(model.probability(x, features)[0])
    if not isinstance(model.learner, Additive):
        raise UsageError(
            f"model {model.version[:12]} is a {model.kind}: SHAP values are there for xgboost and logistic; "
            "its importances say what mattered over all rows"
        )
    margin, parts = model.learner.contributions(x)
    order = np.argsort(-np.abs(parts[0, :-1]), kind="stable")
    return Explanation(
        probability=probability,
        margin=float(margin[0]),
        bias=float(parts[0, -1]),
        contributions=tuple(Contribution(features[j], float(x[0, j]), float(parts[0, j])) for j in order.tolist()),
    )
