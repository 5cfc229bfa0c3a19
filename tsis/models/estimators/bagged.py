"""Trees on sequential bootstraps of overlapping labels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.errors import DataError
from tsis.models.estimator import Estimator, EstimatorParams
from tsis.models.forest import TREE
from tsis.models.sample import Sample
from tsis.models.sklearn_learner import SklearnLearner, fitted, loaded

Floats = npt.NDArray[np.float64]


class BaggedParams(EstimatorParams):
    """The trees.

    Parameters
    ----------
    n_estimators : number of bootstraps.
    max_samples : share of the rows that one draws; None for their average uniqueness (AFML 6.3).
    criterion, max_depth, max_features, min_weight_fraction_leaf : of each tree, as scikit-learn names them.
    """

    kind: Literal["bagged"] = "bagged"
    n_estimators: int = Field(default=100, ge=1)
    max_samples: float | None = Field(default=None, gt=0, le=1)
    criterion: Literal["gini", "entropy", "log_loss"] = "entropy"
    max_depth: int | None = Field(default=6, ge=1)
    max_features: Literal["sqrt", "log2"] | float | None = "sqrt"
    min_weight_fraction_leaf: float = Field(default=0.02, ge=0, le=0.5)


def _fit(sample: Sample, params: BaggedParams) -> SklearnLearner:
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415  slow import

    from tsis.models.bagging import SequentialBaggingClassifier  # noqa: PLC0415

    if sample.start is None or sample.end is None:
        raise DataError(f"{sample.name}: a sequential bootstrap needs the bars that each label spans (start, end)")
    settings = params.model_dump(exclude={"kind", "n_threads"})
    tree = DecisionTreeClassifier(
        **params.model_dump(include={"criterion", "max_depth", "max_features", "min_weight_fraction_leaf"})
    )
    bag = SequentialBaggingClassifier(
        tree,
        params.n_estimators,
        max_samples=params.max_samples,
        n_jobs=params.n_threads,
        random_state=params.seed,
    )
    learner = fitted(bag, sample, settings, importance=_importance, start=sample.start, end=sample.end)
    bag.set_params(n_jobs=None)  # threads are no part of the model
    return learner


def _importance(bag: Any) -> Floats:
    """Return the mean importance over the trees that split at all, which is what a forest has."""
    each = [tree.feature_importances_ for tree in bag.estimators_ if tree.tree_.node_count > 1]
    total = np.zeros(bag.n_features_in_)
    for importance in each:
        total += importance
    share: Floats = total / max(total.sum(), 1.0) if not each else total / total.sum()
    return share


def _load(artifact: bytes) -> tuple[SklearnLearner, dict[str, str]]:
    return loaded(artifact, [TREE, "tsis.models.bagging.SequentialBaggingClassifier"])


BAGGED = Estimator(
    kind="bagged",
    description="The mean of trees on sequential bootstraps, whose labels overlap little",
    source="AFML 4.5 and 6.3",
    missing="a split sends missing values to the side that parts the classes better",
    params=BaggedParams,
    fit=_fit,
    load=_load,
    needs_bars=True,
)
