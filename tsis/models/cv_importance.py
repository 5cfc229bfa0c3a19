"""What each feature is worth to each model's task, out of sample."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field, SerializeAsAny, field_validator

from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.models.estimator import EstimatorParams, estimator_params, fit
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.importance.clustered_mda import clustered_mda
from tsis.models.importance.feature_clusters import feature_clusters
from tsis.models.importance.importance import Fitter, Floats, Predictor
from tsis.models.importance.mda import mda
from tsis.models.importance.sfi import sfi
from tsis.models.purged_k_fold import purged_k_fold
from tsis.models.sample import Sample
from tsis.tables.analytics.cv_importance import CvImportance
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.reference.tickers_dim import TickersDim

Method = Literal["mda", "clustered_mda", "sfi"]
_BASE = list(spec(Dataset).columns)


class TaskParams(Params):
    """The events of one model, and how their features are weighed.

    Parameters
    ----------
    asset_class, bar_spec, n_folds, embargo_frac : keep them equal to those of ``predictions.models``.
    methods : MDA needs a fit a fold, SFI a fit a fold and feature.
    n_repeats, seed : of the shuffles.
    estimator : as in ``predictions.models``; one that takes no missing value needs features without.
    """

    asset_class: str
    bar_spec: str
    n_folds: int = Field(default=5, ge=2)
    embargo_frac: float = Field(default=0.01, ge=0, lt=1)
    methods: tuple[Method, ...] = ("mda", "clustered_mda")
    n_repeats: int = Field(default=1, ge=1)
    seed: int = Field(default=7, ge=0)
    estimator: SerializeAsAny[EstimatorParams] = XgboostParams()

    @field_validator("estimator", mode="before")
    @classmethod
    def _typed(cls, given: Any) -> Any:
        return estimator_params(given)


class CvImportanceParams(Params):
    """Which models' features are weighed; a model that is not named here is not."""

    models: dict[str, TaskParams] = Field(default_factory=dict)


@stage(reads=[Dataset, TickersDim], writes=[CvImportance], by="whole")
def cv_importance(dataset: pl.DataFrame, tickers_dim: pl.DataFrame, params: CvImportanceParams) -> pl.DataFrame:
    """Weigh the stored features of the labelled events by MDA, clustered MDA and SFI on purged folds.

    Clusters are found on all events without their labels. What a model learns on its folds besides (an order of
    fractional differentiation) is not among the features. A model without as many labelled events as folds, or with one
    class only, is left out.
    """
    asset_class = tickers_dim.sort("valid_from", "known_at").unique("ticker", keep="last", maintain_order=True)
    events = dataset.join(asset_class.select("ticker", "asset_class"), on="ticker", how="left")
    features = [name for name in dataset.columns if name not in _BASE]
    rows: list[dict[str, Any]] = []
    for name, task in sorted(params.models.items()):
        chosen = (pl.col("asset_class") == task.asset_class) & (pl.col("bar_spec") == task.bar_spec)
        own = events.filter(chosen).sort("t0", "ticker", "seq")
        if features and own.height >= 2 * task.n_folds and own["label"].n_unique() == 2:
            rows += [{"model": name, **row} for row in _weighed(own, features, task)]
    return pl.DataFrame(rows, schema=spec(CvImportance).polars_schema).sort(spec(CvImportance).key)


def _weighed(events: pl.DataFrame, features: list[str], task: TaskParams) -> list[dict[str, Any]]:
    x = events.select(pl.col(features).cast(pl.Float64)).to_numpy().astype(np.float64)
    label, weight = events["label"].cast(pl.Float64).to_numpy(), events["sample_weight"].to_numpy()
    t0, t1 = (events[column].to_physical().to_numpy() for column in ("t0", "t1"))
    splits = [(train, test) for train, test in purged_k_fold(t0, t1, task.n_folds, task.embargo_frac) if train.size]
    if len(splits) < 2:
        return []
    shuffles = {"seed": task.seed, "n_repeats": task.n_repeats}
    cluster, fitter = feature_clusters(x), _fitter(task.estimator)
    rows = []
    for method in sorted(set(task.methods)):
        if method == "mda":
            found, at = mda(x, label, weight, splits, fitter, **shuffles), np.arange(len(features))
        elif method == "clustered_mda":
            found, at = clustered_mda(x, label, weight, splits, fitter, cluster, **shuffles), cluster
        else:
            found, at = sfi(x, label, weight, splits, fitter), np.arange(len(features))
        for number, feature in enumerate(features):
            figures = {"importance": float(found.mean[at[number]]), "std": float(found.std[at[number]])}
            rows.append(
                {
                    "method": method,
                    "feature": feature,
                    "cluster": int(cluster[number]),
                    **figures,
                    "n_folds": len(splits),
                }
            )
    return rows


def _fitter(params: EstimatorParams) -> Fitter:
    """Return a fitter that fits equal rows once: MDA and clustered MDA shuffle the same fits."""
    known: dict[bytes, Predictor] = {}

    def fitted(x: Floats, label: Floats, weight: Floats) -> Predictor:
        rows = hashlib.sha256(str(x.shape).encode())
        for part in (x, label, weight):
            rows.update(np.ascontiguousarray(part).tobytes())
        if rows.digest() not in known:
            names = tuple(str(number) for number in range(x.shape[1]))
            known[rows.digest()] = fit(Sample(x, label, weight, names), params).probability
        return known[rows.digest()]

    return fitted
