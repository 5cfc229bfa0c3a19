"""Gradient-boosted trees of scikit-learn, on histograms."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from tsis.models.early_stopping import EarlyStoppingParams, best_round, purged_tail
from tsis.models.estimator import Estimator, EstimatorParams
from tsis.models.sample import Sample
from tsis.models.sklearn_learner import SklearnLearner, fitted, loaded, one_thread


class HistGradientBoostingParams(EstimatorParams):
    """The trees.

    Parameters
    ----------
    n_rounds, learning_rate, max_depth, max_bins, max_features, min_samples_leaf, l2_regularization : as scikit-learn
        names them (n_rounds is ``max_iter``).
    early_stopping : chooses the number of rounds, up to n_rounds, on a purged validation tail of the training rows; the
        model is then fitted on all of them. None has n_rounds. scikit-learn's own draws validation rows from among the
        training rows, whose labels overlap with theirs, and is off.
    """

    kind: Literal["hist_gradient_boosting"] = "hist_gradient_boosting"
    n_rounds: int = Field(default=60, ge=1)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    max_depth: int | None = Field(default=3, ge=1)
    max_bins: int = Field(default=64, ge=2, le=255)
    max_features: float = Field(default=0.8, gt=0, le=1)
    min_samples_leaf: int = Field(default=20, ge=1)
    l2_regularization: float = Field(default=1.0, ge=0)
    early_stopping: EarlyStoppingParams | None = None


def _fit(sample: Sample, params: HistGradientBoostingParams) -> SklearnLearner:
    n_rounds, told = params.n_rounds, {}
    with one_thread():
        if params.early_stopping is not None:
            head, tail = purged_tail(sample, params.early_stopping)
            n_rounds = _best(head, tail, params, params.early_stopping.patience_rounds)
            told = {"early_stopping": params.early_stopping.model_dump()}
        settings = {**_settings(params), "n_rounds": n_rounds, "seed": params.seed, **told}
        return fitted(_trees(params, max_iter=n_rounds), sample, settings)


def _best(head: Sample, tail: Sample, params: HistGradientBoostingParams, patience_rounds: int) -> int:
    trees = _trees(
        params,
        max_iter=params.n_rounds,
        early_stopping=True,
        n_iter_no_change=patience_rounds,
        tol=0.0,
        scoring="loss",
        validation_fraction=None,
    )
    used = np.flatnonzero(~np.isnan(head.x).all(axis=0))
    trees.fit(
        head.x[:, used],
        head.label,
        sample_weight=head.relative_weight(),
        X_val=tail.x[:, used],
        y_val=tail.label,
        sample_weight_val=tail.relative_weight(),
    )
    return max(best_round(-np.asarray(trees.validation_score_)) - 1, 1)  # its first score is that of no round


def _settings(params: HistGradientBoostingParams) -> dict[str, Any]:
    return params.model_dump(exclude={"kind", "seed", "n_threads", "n_rounds", "early_stopping"})


def _trees(params: HistGradientBoostingParams, **given: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  slow import

    return HistGradientBoostingClassifier(
        **_settings(params), random_state=params.seed, **{"early_stopping": False, **given}
    )


def _load(artifact: bytes) -> tuple[SklearnLearner, dict[str, str]]:
    return loaded(artifact, ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"])


HIST_GRADIENT_BOOSTING = Estimator(
    kind="hist_gradient_boosting",
    description="Gradient-boosted trees on histograms, as scikit-learn has them",
    source="Ke et al. (2017); scikit-learn's HistGradientBoostingClassifier",
    missing="each split learns a direction for missing values",
    params=HistGradientBoostingParams,
    fit=_fit,
    load=_load,
)
"""One thread, whatever n_threads says: scikit-learn sums the gradients of a node by threads, and so by their number."""
