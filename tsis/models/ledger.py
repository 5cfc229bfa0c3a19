"""What the stage `predictions` says of each fit: rows of its four tables as they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tsis.core.table import spec
from tsis.models.estimator import FittedModel, Floats
from tsis.models.purged_k_fold import Rows
from tsis.models.scores import scores
from tsis.tables.analytics.feature_importance import FeatureImportance
from tsis.tables.analytics.model_stats import ModelStats
from tsis.tables.governance.models import Models
from tsis.tables.signals.predictions import Predictions

Result = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]


@dataclass(frozen=True)
class Fit:
    """One fit of a model on one fold.

    Parameters
    ----------
    train, test : row numbers of the model's events, ascending.
    features : names, in the order of the fit.
    probability : of label 1, for the test rows.
    learnt : what else than the estimator is in the parameters of the artefact.
    """

    model: str
    split: str
    fold: int
    train: Rows
    test: Rows
    features: list[str]
    fitted: FittedModel
    probability: Floats
    learnt: Mapping[str, Any]


class Ledger:
    """Rows of predictions, models, model_stats and feature_importance."""

    def __init__(self) -> None:
        self._predictions: list[pl.DataFrame] = []
        self._models: list[dict[str, Any]] = []
        self._model_stats: list[dict[str, Any]] = []
        self._feature_importance: list[dict[str, Any]] = []

    def record(self, fit: Fit, events: pl.DataFrame, label: Floats) -> None:
        """Add the artefact, the predictions, and the scores on the test rows that have a label, if any has."""
        identity = {"model": fit.model, "split": fit.split, "fold": fit.fold}
        self._models.append(identity | _artifact(fit, events))
        self._predictions.append(_predicted(fit, events))
        known = ~np.isnan(label[fit.test])
        if known.any():
            n_rows = {"n_train": fit.train.size, "n_test": int(np.count_nonzero(known))}
            self._model_stats.append(identity | n_rows | scores(label[fit.test][known], fit.probability[known]))

    def record_importance(self, model: str, features: list[str], gain_frac: Floats) -> None:
        """Add mean and standard deviation of each feature's share of the gain.

        Parameters
        ----------
        gain_frac : (n_fits, k).
        """
        for number, feature in enumerate(features):
            share = gain_frac[:, number]
            self._feature_importance.append(
                {
                    "model": model,
                    "method": "mdi",
                    "feature": feature,
                    "importance": float(share.mean()),
                    "std": float(share.std()),
                }
            )

    def frames(self) -> Result:
        """Return the four tables, sorted by key."""
        predictions = pl.concat([spec(Predictions).empty(), *self._predictions]).sort(spec(Predictions).key)
        models, model_stats, feature_importance = (
            pl.DataFrame(listed, schema=spec(table).polars_schema, orient="row").sort(spec(table).key)
            for listed, table in (
                (self._models, Models),
                (self._model_stats, ModelStats),
                (self._feature_importance, FeatureImportance),
            )
        )
        return predictions, models, model_stats, feature_importance


def _artifact(fit: Fit, events: pl.DataFrame) -> dict[str, object]:
    t0, t1 = events["t0"], events["t1"]
    return {
        "model_version": fit.fitted.version,
        "trained_from": t0[int(fit.train[0])],
        "trained_to": t1.gather(fit.train).max(),
        "valid_from": t0[int(fit.test[0])],
        "valid_to": t0[int(fit.test[-1])],
        "n_train": fit.train.size,
        "estimator": fit.fitted.kind,
        "features": json.dumps(fit.features),
        "params": json.dumps(json.loads(fit.fitted.estimator_params) | dict(fit.learnt), sort_keys=True),
        "artifact": fit.fitted.artifact,
    }


def _predicted(fit: Fit, events: pl.DataFrame) -> pl.DataFrame:
    known_at = pl.max_horizontal("t0", pl.lit(events["t1"].gather(fit.train).max()))
    return events[fit.test].select(
        pl.lit(fit.model).alias("model"),
        pl.lit(fit.fitted.version).alias("model_version"),
        pl.lit(fit.split).alias("split"),
        pl.lit(fit.fold, dtype=pl.Int64).alias("fold"),
        "ticker",
        "bar_spec",
        "t0",
        "seq",
        "side",
        pl.Series("probability", fit.probability),
        (known_at if fit.split == "cv" else pl.col("t0")).alias("predicted_at"),
    )
