"""Random forest: trees on bootstraps of the rows, the best split of a few features at each node."""

from __future__ import annotations

from typing import Literal

from tsis.models.estimator import Estimator
from tsis.models.forest import ForestParams, fit_forest, load_forest
from tsis.models.sample import Sample
from tsis.models.sklearn_learner import SklearnLearner


class RandomForestParams(ForestParams):
    """The trees; see `ForestParams`."""

    kind: Literal["random_forest"] = "random_forest"


def _fit(sample: Sample, params: RandomForestParams) -> SklearnLearner:
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415  slow import

    return fit_forest(RandomForestClassifier, sample, params, is_bootstrapped=True)


RANDOM_FOREST = Estimator(
    kind="random_forest",
    description="The mean of trees on bootstraps of the rows, each split chosen among a few features",
    source="Breiman (2001); scikit-learn's RandomForestClassifier; AFML 6.4",
    missing="a split sends missing values to the side that parts the classes better",
    params=RandomForestParams,
    fit=_fit,
    load=load_forest,
)
