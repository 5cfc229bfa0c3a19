"""Takes one stored prediction apart, from the artefact that made it and the row that it was made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from tsis.core.errors import DataError, IntegrityError, UnknownNameError
from tsis.lake.store import Lake
from tsis.models.artifact import LoadedModel, load_model
from tsis.models.explain import Explanation, explain
from tsis.models.frozen_orders import ATTRIBUTE, FrozenOrders

_KEY = ("ticker", "bar_spec", "t0", "seq")


@dataclass(frozen=True)
class Explained:
    """A stored prediction and what made it.

    Parameters
    ----------
    prediction : row of signals.predictions.
    explanation : what each feature added.
    """

    prediction: dict[str, Any]
    explanation: Explanation


def explain_event(lake: Lake, model: str, ticker: str, t0: datetime | None = None) -> Explained:
    """Return why `model` said what it said of an event, as its walk-forward prediction is stored.

    Parameters
    ----------
    t0 : of the event; None for the last one of the ticker. Of several at one moment the one with the highest seq.

    Raises
    ------
    UnknownNameError
        If the model predicted nothing of the ticker.
    DataError
        If it predicted nothing at t0, or the row that it predicted from is gone.
    IntegrityError
        If the artefact or the row is not what was predicted with.
    """
    of_model = pl.col("model").eq(model) & (pl.col("split") == "walk_forward")
    made = lake.scan("signals.predictions").filter(of_model).collect().sort("t0", "seq")
    of_ticker = made.filter(pl.col("ticker") == ticker)
    if of_ticker.is_empty():
        raise UnknownNameError(f"ticker of model '{model}'", ticker, made["ticker"].unique().to_list())
    chosen = of_ticker if t0 is None else of_ticker.filter(pl.col("t0") == t0)
    if chosen.is_empty():
        near = of_ticker.sort((pl.col("t0") - t0).abs())["t0"][0]
        raise DataError(f"model '{model}' predicted nothing of {ticker} at {t0}; the nearest event is at {near}")
    prediction = chosen.row(-1, named=True)
    fold = of_model & (pl.col("fold") == prediction["fold"])
    stored = lake.scan("governance.models").filter(fold).select("artifact", "features").collect().row(0, named=True)
    loaded = load_model(stored["artifact"], prediction["model_version"])
    row = _row(lake, prediction, loaded)
    told = explain(loaded, row, json.loads(stored["features"]))
    if told.probability != prediction["probability"]:
        raise IntegrityError(
            f"model '{model}' says {told.probability} of {ticker} at {prediction['t0']}, and what is stored is "
            f"{prediction['probability']}: the row of ml_dataset.event_features is not that of then; "
            "run 'tsis run predictions'"
        )
    return Explained(prediction, told)


def _row(lake: Lake, prediction: dict[str, Any], model: LoadedModel) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the values of the model's features, (k,), NaN where missing."""
    key = [pl.col(name) == prediction[name] for name in _KEY]
    found = lake.scan("ml_dataset.event_features").filter(*key).collect()
    if found.is_empty():
        raise DataError(
            f"ml_dataset.event_features has no row of {prediction['ticker']} at {prediction['t0']}; "
            "run 'tsis run dataset'"
        )
    values = found.row(0, named=True)
    if ATTRIBUTE in model.attributes:
        orders = FrozenOrders.model_validate_json(model.attributes[ATTRIBUTE])
        values[orders.feature] = _differentiated(lake, prediction, orders)
    row = [values.get(name) for name in model.features]
    return np.array([np.nan if value is None else float(value) for value in row])


def _differentiated(lake: Lake, prediction: dict[str, Any], orders: FrozenOrders) -> float | None:
    of_series = [pl.col(name) == prediction[name] for name in ("ticker", "bar_spec")]
    bars = (
        lake.scan("processed_features.information_bars", [prediction["ticker"]])
        .filter(*of_series, pl.col("ts_close") <= prediction["t0"])
        .select("ts_close", "seq", orders.price)
        .collect()
        .sort("ts_close", "seq")
    )
    at = np.flatnonzero((bars["ts_close"] == prediction["t0"]) & (bars["seq"] == prediction["seq"]))
    series = orders.differentiate(prediction["ticker"], bars[orders.price].to_numpy())
    return float(series[at[0]]) if at.size else None
