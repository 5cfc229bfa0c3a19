"""What random forests and extremely randomised trees share."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.models.estimator import EstimatorParams
from tsis.models.sample import Sample
from tsis.models.sklearn_learner import SklearnLearner, fitted, loaded

Floats = npt.NDArray[np.float64]

TREE = "sklearn.tree._tree.Tree"


class ForestParams(EstimatorParams):
    """Many trees, each on other rows and features.

    Parameters
    ----------
    n_estimators, criterion, max_depth, max_features, min_weight_fraction_leaf, max_samples : as scikit-learn names
        them. Labels overlap, so max_samples = their average uniqueness keeps bootstraps from repeating each other
        (AFML 6.4); None draws as many rows as there are. A depth and a weight in each leaf keep single labels from
        being learnt by heart.
    """

    n_estimators: int = Field(default=200, ge=1)
    criterion: Literal["gini", "entropy", "log_loss"] = "entropy"
    max_depth: int | None = Field(default=6, ge=1)
    max_features: Literal["sqrt", "log2"] | float | None = "sqrt"
    min_weight_fraction_leaf: float = Field(default=0.02, ge=0, le=0.5)
    max_samples: float | None = Field(default=None, gt=0, le=1)


def fit_forest(forest: type[Any], sample: Sample, params: ForestParams, *, is_bootstrapped: bool) -> SklearnLearner:
    """Fit a forest: each tree has a seed of its own, drawn before the threads begin, so that they change no bit."""
    settings = params.model_dump(exclude={"kind", "seed", "n_threads", "is_bootstrapped"})
    trees = forest(**settings, bootstrap=is_bootstrapped, random_state=params.seed, n_jobs=params.n_threads)
    told = settings | {"bootstrap": is_bootstrapped, "seed": params.seed}
    learner = fitted(trees, sample, told, importance=_importance)
    trees.set_params(n_jobs=None)  # threads are no part of the model
    return learner


def load_forest(artifact: bytes) -> tuple[SklearnLearner, dict[str, str]]:
    """Return the stored forest and its attributes."""
    return loaded(artifact, [TREE])


def _importance(trees: Any) -> Floats:
    share: Floats = trees.feature_importances_
    return share
