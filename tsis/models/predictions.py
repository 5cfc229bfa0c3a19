"""The predictions of every model, with its artefacts, its scores, and what mattered to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from tsis.core.errors import DataError, some
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.models.estimator import FittedModel, Floats, XgboostParams, fit
from tsis.models.fold_weights import FoldWeightsParams, fold_weights
from tsis.models.purged_k_fold import Rows, purged_k_fold
from tsis.models.scores import scores
from tsis.models.walk_forward import OPEN, purged_walk_forward
from tsis.tables.analytics.feature_importance import FeatureImportance
from tsis.tables.analytics.model_stats import ModelStats
from tsis.tables.governance.models import Models
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.predictions import Predictions

_BASE = list(spec(Dataset).columns)
_KEY = list(spec(Dataset).key)
Result = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]


class ModelParams(Params):
    """One model: which rows it learns from, and how.

    Parameters
    ----------
    asset_class, bar_spec : the model pools the events of all tickers of the class on these bars.
    n_folds, embargo_frac : of the purged k-fold that judges it.
    min_train, refit_every : labels known before the first walk-forward prediction, and events, labelled or not, that a
        refit serves.
    fold_weights : time decay and class balance of sample_weight, computed on the training rows of each fold and refit.
    """

    asset_class: str
    bar_spec: str
    n_folds: int = Field(default=5, ge=2)
    embargo_frac: float = Field(default=0.01, ge=0, lt=1)
    min_train: int = Field(default=200, ge=1)
    refit_every: int = Field(default=250, ge=1)
    fold_weights: FoldWeightsParams = FoldWeightsParams()
    xgboost: XgboostParams = XgboostParams()


class PredictionsParams(Params):
    """The models by name; a model's name is its strategy's."""

    models: dict[str, ModelParams] = Field(
        default_factory=lambda: {
            "es_dollar": ModelParams(asset_class="future", bar_spec="dollar_70M", min_train=60, refit_every=30),
            "us_daily": ModelParams(asset_class="equity", bar_spec="time_1d"),
            "fx_hourly": ModelParams(asset_class="fx", bar_spec="time_1h"),
        }
    )


@dataclass
class _Ledger:
    """Rows of the four tables as they come."""

    predictions: list[pl.DataFrame] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    model_stats: list[dict[str, Any]] = field(default_factory=list)
    feature_importance: list[dict[str, Any]] = field(default_factory=list)


@stage(
    reads=[Dataset, EventFeatures, TickersDim], writes=[Predictions, Models, ModelStats, FeatureImportance], by="whole"
)
def predictions(
    dataset: pl.DataFrame, event_features: pl.DataFrame, tickers_dim: pl.DataFrame, params: PredictionsParams
) -> Result:
    """Fit and judge every model by purged k-fold, then predict by purged walk-forward.

    ``cv`` predictions come from models that saw later rows; they are scores, never signals, and `predicted_at` says
    when they could first have been made. ``walk_forward`` predictions come from refits whose training labels had all
    ended before the first event they predict, and are made at t0 for every event, also for one whose own window has not
    ended; its scores count the labelled ones. Every fit is stored under the SHA-256 of its bytes.
    Importance is the share of total gain (MDI), mean and standard deviation (ddof 0) over the k-fold fits.
    A model whose series have no labelled rows is left out, and so are the scores of a refit whose events have no label.

    Raises
    ------
    DataError
        If a model has labelled rows but too few of them, one class only, or no features; if a ticker is not in
        tickers_dim.
    """
    asset_class = tickers_dim.sort("valid_from", "known_at").unique("ticker", keep="last", maintain_order=True)
    unlabelled = event_features.join(dataset, on=_KEY, how="anti")
    rows = pl.concat([dataset, unlabelled], how="diagonal").join(
        asset_class.select("ticker", "asset_class"), on="ticker", how="left"
    )
    unknown = rows.filter(pl.col("asset_class").is_null())["ticker"].unique().sort().to_list()
    if unknown:
        raise DataError(
            f"dataset: {len(unknown)} tickers are not in reference.tickers_dim ({some(unknown)}); ingest them"
        )
    features = [name for name in dataset.columns if name not in _BASE]
    ledger = _Ledger()
    for name, model in sorted(params.models.items()):
        chosen = (pl.col("asset_class") == model.asset_class) & (pl.col("bar_spec") == model.bar_spec)
        events = rows.filter(chosen).sort("t0", "ticker", "seq")
        labelled = events.filter(pl.col("label").is_not_null())
        if not labelled.is_empty():
            _require_learnable(name, labelled, features, model)
            _judge_and_predict(name, events, features, model, ledger)
    found = [_concat(ledger.predictions)]
    found += [
        pl.DataFrame(listed, schema=spec(table).polars_schema, orient="row").sort(spec(table).key)
        for listed, table in (
            (ledger.models, Models),
            (ledger.model_stats, ModelStats),
            (ledger.feature_importance, FeatureImportance),
        )
    ]
    return found[0], found[1], found[2], found[3]


def _require_learnable(name: str, labelled: pl.DataFrame, features: list[str], model: ModelParams) -> None:
    series = f"model '{name}': {labelled.height:,} labelled events of {model.asset_class} {model.bar_spec}"
    n_positive = int((labelled["label"] == 1).sum())
    if not features:
        raise DataError(f"{series}, but the dataset has no feature column; register a feature or name one in params")
    if labelled.height < max(model.n_folds, model.min_train):
        raise DataError(
            f"{series}; needs at least min_train = {model.min_train:,} and n_folds = {model.n_folds}: "
            "ingest more history, lower the event threshold, or change predictions.models"
        )
    if n_positive in (0, labelled.height):
        raise DataError(f"{series}, {n_positive:,} of them positive; needs both classes: look at the barriers")


def _judge_and_predict(
    name: str, events: pl.DataFrame, features: list[str], model: ModelParams, ledger: _Ledger
) -> None:
    x = events.select(pl.col(features).cast(pl.Float64)).to_numpy().astype(np.float64)
    label = events["label"].cast(pl.Float64).to_numpy()
    weight, unique = (events[column].to_numpy() for column in ("sample_weight", "average_uniqueness"))
    gains: list[Floats] = []
    for split, fold, train, test in _splits(name, events, model):
        weighed = fold_weights(weight[train], unique[train], label[train], model.fold_weights)
        fitted, probability = fit(x[train], label[train], weighed, features, x[test], model.xgboost)
        identity = {"model": name, "split": split, "fold": fold}
        ledger.models.append(identity | _artifact(events, train, test, features, model, fitted))
        known = ~np.isnan(label[test])
        if known.any():
            n_rows = {"n_train": train.size, "n_test": int(np.count_nonzero(known))}
            ledger.model_stats.append(identity | n_rows | scores(label[test][known], probability[known]))
        ledger.predictions.append(_predicted(identity, events, train, test, fitted.version, probability))
        if split == "cv":
            gains.append(fitted.gain_frac)
    shares = np.stack(gains)
    for number, feature in enumerate(features):
        ledger.feature_importance.append(
            {
                "model": name,
                "method": "mdi",
                "feature": feature,
                "importance": float(shares[:, number].mean()),
                "std": float(shares[:, number].std()),
            }
        )


def _splits(name: str, events: pl.DataFrame, model: ModelParams) -> Iterator[tuple[str, int, Rows, Rows]]:
    t0, t1 = (events[column].to_physical().fill_null(OPEN).to_numpy() for column in ("t0", "t1"))
    labelled = np.flatnonzero(t1 != OPEN)
    for fold, (among, of) in enumerate(purged_k_fold(t0[labelled], t1[labelled], model.n_folds, model.embargo_frac)):
        train, test = labelled[among], labelled[of]
        if not train.size:
            raise DataError(
                f"model '{name}': cv fold {fold} of {model.n_folds} has no training row left after purging "
                f"{labelled.size:,} labelled events; use fewer folds or shorter label windows"
            )
        yield "cv", fold, train, test
    blocks = list(purged_walk_forward(t0, t1, model.min_train, model.refit_every))
    if not blocks:
        raise DataError(
            f"model '{name}': no event of {events.height:,} comes after {model.min_train:,} labels have ended; "
            "lower predictions.models min_train or shorten the label windows"
        )
    for fold, (train, test) in enumerate(blocks):
        yield "walk_forward", fold, train, test


def _artifact(
    events: pl.DataFrame, train: Rows, test: Rows, features: list[str], model: ModelParams, fitted: FittedModel
) -> dict[str, object]:
    t0, t1 = events["t0"], events["t1"]
    return {
        "model_version": fitted.version,
        "trained_from": t0[int(train[0])],
        "trained_to": t1.gather(train).max(),
        "valid_from": t0[int(test[0])],
        "valid_to": t0[int(test[-1])],
        "n_train": train.size,
        "features": json.dumps(features),
        "params": json.dumps(
            json.loads(fitted.estimator_params) | {"fold_weights": model.fold_weights.model_dump()}, sort_keys=True
        ),
        "artifact": fitted.artifact,
    }


def _predicted(
    identity: dict[str, Any], events: pl.DataFrame, train: Rows, test: Rows, version: str, probability: Floats
) -> pl.DataFrame:
    known_at = pl.max_horizontal("t0", pl.lit(events["t1"].gather(train).max()))
    return events[test].select(
        pl.lit(identity["model"]).alias("model"),
        pl.lit(version).alias("model_version"),
        pl.lit(identity["split"]).alias("split"),
        pl.lit(identity["fold"], dtype=pl.Int64).alias("fold"),
        "ticker",
        "bar_spec",
        "t0",
        "seq",
        "side",
        pl.Series("probability", probability),
        (known_at if identity["split"] == "cv" else pl.col("t0")).alias("predicted_at"),
    )


def _concat(frames: list[pl.DataFrame]) -> pl.DataFrame:
    empty = spec(Predictions).empty()
    return pl.concat([empty, *frames]).sort(spec(Predictions).key)
