"""Extremely randomised trees: all rows, and thresholds drawn at random."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from tsis.models.estimator import Estimator
from tsis.models.forest import ForestParams, fit_forest, load_forest
from tsis.models.sample import Sample
from tsis.models.sklearn_learner import SklearnLearner


class ExtraTreesParams(ForestParams):
    """The trees; see `ForestParams`.

    Parameters
    ----------
    is_bootstrapped : whether each tree has a bootstrap of the rows; max_samples needs it.
    """

    kind: Literal["extra_trees"] = "extra_trees"
    is_bootstrapped: bool = False

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        if self.max_samples is not None and not self.is_bootstrapped:
            raise ValueError("max_samples without is_bootstrapped: all rows are used")
        return self


def _fit(sample: Sample, params: ExtraTreesParams) -> SklearnLearner:
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415  slow import

    return fit_forest(ExtraTreesClassifier, sample, params, is_bootstrapped=params.is_bootstrapped)


EXTRA_TREES = Estimator(
    kind="extra_trees",
    description="The mean of trees whose thresholds are drawn at random, of which the best feature is taken",
    source="Geurts, Ernst and Wehenkel (2006); scikit-learn's ExtraTreesClassifier",
    missing="a split sends missing values to a side drawn at random, if that parts the classes best",
    params=ExtraTreesParams,
    fit=_fit,
    load=load_forest,
)
