"""The models that are asked, each from when on, and what they say of events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.governance.model_stages import require_active
from tsis.governance.model_store import active_model
from tsis.lake.store import Lake
from tsis.models.artifact import LoadedModel, load_model
from tsis.models.frozen_orders import ATTRIBUTE, FrozenOrders
from tsis.tables.signals.predictions import Predictions

NOT_ACTIVE: Final = "no prediction: no active model"
OTHER_FEATURES: Final = "no prediction: the model learnt features that the dataset lacks"
_EVENT = ["ticker", "bar_spec", "t0", "seq"]


@dataclass(frozen=True)
class Refit:
    """A stored model that is asked about events from `since` on (None: about all), up to those of the next refit."""

    model: LoadedModel
    fold: int
    since: datetime | None


@dataclass(frozen=True)
class Served:
    """The refits of one model in order; `why_none` is said of an event that none is asked about."""

    name: str
    refits: tuple[Refit, ...]
    why_none: str


def active(root: Path, name: str, log: pl.DataFrame) -> Served:
    """Return the active version of a model; none where the registry has none, and then nothing is predicted.

    Parameters
    ----------
    log : rows of governance.model_stages.

    Raises
    ------
    IntegrityError
        If its file is not what was registered, or nobody has promoted it.
    """
    try:
        model = active_model(root, name)
    except DataError:
        return Served(name, (), NOT_ACTIVE)
    require_active(log, name, model.version)
    return Served(name, (Refit(model, 0, None),), NOT_ACTIVE)


def walk_forward(lake: Lake, name: str, why_none: str) -> Served:
    """Return the refits of a model as the batch made them, each from the first event that it predicted.

    Raises
    ------
    IntegrityError
        If a stored artefact has another hash than its version.
    """
    chosen = (pl.col("model") == name) & (pl.col("split") == "walk_forward")
    rows = lake.scan("governance.models").filter(chosen).collect().sort("fold")
    refits = [
        Refit(load_model(row["artifact"], row["model_version"]), row["fold"], row["valid_from"])
        for row in rows.iter_rows(named=True)
    ]
    return Served(name, tuple(refits), why_none)


def predict(served: Served, events: pl.DataFrame, bars: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Return the predictions of the events that a refit answers for (split live), and why others have none.

    Parameters
    ----------
    events : rows of ml_dataset.event_features; a missing feature is null.
    bars : of the series of the events, up to them; a model with a differentiated price looks at them.
    """
    frames, why_none = [spec(Predictions).empty()], served.why_none
    for refit, asked in _by_refit(served.refits, events):
        x, names = _matrix(refit.model, asked, bars)
        if x is None:
            why_none = OTHER_FEATURES
            continue
        frames.append(
            asked.select(
                pl.lit(served.name).alias("model"),
                pl.lit(refit.model.version).alias("model_version"),
                pl.lit("live").alias("split"),
                pl.lit(refit.fold, pl.Int64).alias("fold"),
                *_EVENT,
                "side",
                pl.Series("probability", refit.model.probability(x, names)),
                pl.col("t0").alias("predicted_at"),
            )
        )
    return pl.concat(frames), why_none


def _by_refit(refits: Sequence[Refit], events: pl.DataFrame) -> list[tuple[Refit, pl.DataFrame]]:
    found = []
    for place, refit in enumerate(refits):
        is_its = pl.lit(value=True) if refit.since is None else pl.col("t0") >= refit.since
        if place + 1 < len(refits):
            is_its &= pl.col("t0") < refits[place + 1].since
        asked = events.filter(is_its)
        if asked.height:
            found.append((refit, asked))
    return found


def _matrix(
    model: LoadedModel, events: pl.DataFrame, bars: pl.DataFrame
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]] | None, list[str]]:
    """Return the values that the model takes, NaN where missing, in its order; None where one is not there."""
    rows = events
    if ATTRIBUTE in model.attributes:
        orders = FrozenOrders.model_validate_json(model.attributes[ATTRIBUTE])
        rows = events.join(_differentiated(orders, bars), on=_EVENT, how="left", maintain_order="left")
    names = list(model.features)
    if not set(names) <= set(rows.columns):
        return None, names
    return rows.select(pl.col(names).cast(pl.Float64)).to_numpy().astype(np.float64), names


def _differentiated(orders: FrozenOrders, bars: pl.DataFrame) -> pl.DataFrame:
    ordered = bars.rename({"ts_close": "t0"}).sort(_EVENT)
    return pl.concat(
        [
            part.select(
                *_EVENT,
                pl.Series(orders.feature, orders.differentiate(part["ticker"][0], part[orders.price].to_numpy())),
            )
            for part in ordered.partition_by("ticker", "bar_spec")
        ]
    )
