"""The predictions of every model, with its artefacts, its scores, and what mattered to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field, SerializeAsAny, field_validator, model_validator

from tsis.core.errors import DataError, some
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.models.calibration import CalibrationParams
from tsis.models.estimator import EstimatorParams, Floats, estimator_params, estimators, fit
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.fold_fracdiff import FoldFracdiff
from tsis.models.fold_weights import FoldWeightsParams, fold_weights
from tsis.models.fractional_params import FractionalParams
from tsis.models.frozen_orders import ATTRIBUTE, FrozenOrders
from tsis.models.label_positions import label_positions
from tsis.models.ledger import Fit, Ledger, Result
from tsis.models.purged_k_fold import Rows
from tsis.models.purged_splits import purged_splits
from tsis.models.retraining import RetrainingParams
from tsis.models.sample import Sample
from tsis.models.walk_forward import OPEN
from tsis.tables.analytics.feature_importance import FeatureImportance
from tsis.tables.analytics.model_stats import ModelStats
from tsis.tables.governance.models import Models
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.predictions import Predictions

_BASE = list(spec(Dataset).columns)
_KEY = list(spec(Dataset).key)


class ModelParams(Params):
    """One model: which rows it learns from, and how.

    Parameters
    ----------
    asset_class, bar_spec : the model pools the events of all tickers of the class on these bars.
    n_folds, embargo_frac : of the purged k-fold that judges it.
    min_train : labels that have ended before the first walk-forward prediction.
    retraining : when the model is fitted again after that; each refit serves the events up to the next.
    fractional : a price of the events' bars, differentiated as little as the training window of each fold and refit
        asks for, as one more feature; None has none.
    fold_weights : time decay and class balance of sample_weight, computed on the training rows of each fold and refit.
    estimator : what learns: the `kind` of an estimator below ``tsis.models.estimators``, and its parameters.
    calibration : of its probabilities, fitted on purged inner folds of the training rows of each fold and refit.
    """

    asset_class: str
    bar_spec: str
    n_folds: int = Field(default=5, ge=2)
    embargo_frac: float = Field(default=0.01, ge=0, lt=1)
    min_train: int = Field(default=200, ge=1)
    retraining: RetrainingParams = RetrainingParams()
    fractional: FractionalParams | None = None
    fold_weights: FoldWeightsParams = FoldWeightsParams()
    estimator: SerializeAsAny[EstimatorParams] = XgboostParams()
    calibration: CalibrationParams = CalibrationParams()

    @model_validator(mode="before")
    @classmethod
    def _moved(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "xgboost" in given:
            raise ValueError("xgboost: is now estimator: {kind: xgboost, ...}, with the same fields")
        if isinstance(given, Mapping) and "refit_every" in given:
            raise ValueError("refit_every: is now retraining: {min_hours: ..., min_labels: ...}, counted in labels")
        return given

    @field_validator("estimator", mode="before")
    @classmethod
    def _typed(cls, given: Any) -> Any:
        return estimator_params(given)


_HOURLY = RetrainingParams(min_hours=1.0, min_labels=30)
_DAILY = RetrainingParams(min_hours=24.0, min_labels=250)


class PredictionsParams(Params):
    """The models by name; a model's name is its strategy's."""

    models: dict[str, ModelParams] = Field(
        default_factory=lambda: {
            "es_dollar": ModelParams(asset_class="future", bar_spec="dollar_70M", min_train=60, retraining=_HOURLY),
            "us_daily": ModelParams(asset_class="equity", bar_spec="time_1d", retraining=_DAILY),
            "fx_hourly": ModelParams(
                asset_class="fx", bar_spec="time_1h", retraining=_DAILY, fractional=FractionalParams()
            ),
        }
    )


@stage(
    reads=[Dataset, EventFeatures, InformationBars, TickersDim],
    writes=[Predictions, Models, ModelStats, FeatureImportance],
    by="whole",
)
def predictions(
    dataset: pl.DataFrame,
    event_features: pl.DataFrame,
    information_bars: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: PredictionsParams,
) -> Result:
    """Fit and judge every model by purged k-fold, then predict by purged walk-forward.

    ``cv`` predictions come from models that saw later rows; they are scores, never signals, and `predicted_at` says
    when they could first have been made. ``walk_forward`` predictions come from refits whose training labels had all
    ended before the first event they predict, and are made at t0 for every event, also for one whose own window has not
    ended; its scores count the labelled ones. Every fit is stored under the SHA-256 of its bytes.
    Importance is the share of total gain (MDI), mean and standard deviation (ddof 0) over the k-fold fits; an estimator
    without such a figure has none.
    A model with `fractional` gets one feature more, whose order d is learnt on the bars of each fit's training window
    and stored with its artefact; other models look at no bar.
    A model whose series have no labelled rows is left out, and so are the scores of a refit whose events have no label.

    Raises
    ------
    DataError
        If a model has labelled rows but too few of them, one class only, or no features; if a ticker is not in
        tickers_dim; if `fractional` finds an event without a bar, or a feature of its own name.
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
    ledger = Ledger()
    for name, model in sorted(params.models.items()):
        chosen = (pl.col("asset_class") == model.asset_class) & (pl.col("bar_spec") == model.bar_spec)
        events = rows.filter(chosen).sort("t0", "ticker", "seq")
        labelled = events.filter(pl.col("label").is_not_null())
        if not labelled.is_empty():
            _require_learnable(name, labelled, features, model)
            fractional = _fractional(name, events, features, information_bars, model)
            windows = _windows(events, information_bars, model)
            _judge_and_predict(name, events, features, model, fractional, windows, ledger)
    return ledger.frames()


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


def _fractional(
    name: str, events: pl.DataFrame, features: list[str], bars: pl.DataFrame, model: ModelParams
) -> FoldFracdiff | None:
    if model.fractional is None:
        return None
    if model.fractional.feature in features:
        raise DataError(
            f"model '{name}': the dataset has a feature '{model.fractional.feature}' already; give that another name"
        )
    of_model = pl.col("ticker").is_in(events["ticker"].unique().implode()) & (pl.col("bar_spec") == model.bar_spec)
    return FoldFracdiff(name, events, bars.filter(of_model), model.fractional)


def _judge_and_predict(
    name: str,
    events: pl.DataFrame,
    features: list[str],
    model: ModelParams,
    fractional: FoldFracdiff | None,
    windows: Mapping[str, Rows],
    ledger: Ledger,
) -> None:
    stored = events.select(pl.col(features).cast(pl.Float64)).to_numpy().astype(np.float64)
    names = features if fractional is None else [*features, fractional.feature]
    label = events["label"].cast(pl.Float64).to_numpy()
    weight, unique = (events[column].to_numpy() for column in ("sample_weight", "average_uniqueness"))
    gains: list[Floats] = []
    splits = purged_splits(
        name,
        events,
        n_folds=model.n_folds,
        embargo_frac=model.embargo_frac,
        min_train=model.min_train,
        retraining=model.retraining,
        features=stored,
    )
    for split, fold, train, test in splits:
        x, orders = stored, None
        if fractional is not None:
            orders = fractional.learn(train, test)
            x = np.column_stack((stored, fractional.values(orders)))
        attributes = {} if orders is None else orders.attributes()
        weighed = fold_weights(weight[train], unique[train], label[train], model.fold_weights)
        sample = Sample(
            x[train],
            label[train],
            weighed,
            tuple(names),
            **{side: moments[train] for side, moments in windows.items()},
            name=f"model '{name}', {split} fold {fold}",
        )
        fitted = fit(sample, model.estimator, model.calibration, attributes)
        ledger.record(
            Fit(name, split, fold, train, test, names, fitted, fitted.probability(x[test]), _learnt(model, orders)),
            events,
            label,
        )
        if split == "cv" and fitted.gain_frac is not None:
            gains.append(fitted.gain_frac)
    if gains:
        ledger.record_importance(name, names, np.stack(gains))


def _windows(events: pl.DataFrame, bars: pl.DataFrame, model: ModelParams) -> dict[str, Rows]:
    """Return t0 and t1 of the events, and the bars they span where the estimator asks for them."""
    moments = {side: events[side].to_physical().fill_null(OPEN).to_numpy() for side in ("t0", "t1")}
    if not estimators()[model.estimator.kind].needs_bars:
        return moments
    start, end = label_positions(events, bars.filter(pl.col("bar_spec") == model.bar_spec))
    return moments | {"start": start, "end": end}


def _learnt(model: ModelParams, orders: FrozenOrders | None) -> dict[str, Any]:
    learnt = {"fold_weights": model.fold_weights.model_dump(), "calibration": model.calibration.model_dump()}
    if model.fractional is not None and orders is not None:
        learnt[ATTRIBUTE] = model.fractional.model_dump() | orders.model_dump(mode="json")
    return learnt
