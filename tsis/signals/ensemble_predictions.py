"""Stage `ensemble_predictions`: what models say together."""

from __future__ import annotations

import hashlib
import json
from typing import Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from tsis.core.errors import DataError, UnknownNameError
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.signals.ensembles import Rule
from tsis.signals.ensembles.past import Floats, Past
from tsis.signals.ensembles.stance import stance_probability
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.labeling.strategy_sides import StrategySides
from tsis.tables.signals.ensemble_predictions import EnsemblePredictions
from tsis.tables.signals.predictions import Predictions

_EVENT = ["ticker", "bar_spec", "t0", "seq"]
_COLUMNS = list(spec(EnsemblePredictions).columns)


class EnsembleParams(Params):
    """One ensemble; it has two members at least.

    Parameters
    ----------
    members : names of models in ``predictions.models``, of one series. An event that one of them has not predicted has
        no prediction of the ensemble.
    strategies : names of rule strategies in ``strategy_sides``, of that series. What one gives to an event's side is
        how often its stance to it paid before; see `tsis.signals.ensembles.stance`.
    rule : how they are weighed, by its ``kind``; see `tsis.signals.ensembles`.
    """

    members: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    rule: Rule

    @model_validator(mode="after")
    def _two_each_once(self) -> Self:
        names = self.names
        if len(names) < 2:
            raise ValueError("an ensemble needs two members at least, of members and strategies")
        if len(set(names)) < len(names):
            raise ValueError("a member is named twice; its weight follows from the rule")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Models, then strategies."""
        return (*self.members, *self.strategies)


class EnsemblePredictionsParams(Params):
    """The ensembles by name; a name is also its strategy's, and not that of a model."""

    ensembles: dict[str, EnsembleParams] = Field(default_factory=dict)


@stage(reads=[Predictions, StrategySides, Events, MetaLabels], writes=[EnsemblePredictions], by="whole")
def ensemble_predictions(
    predictions: pl.DataFrame,
    strategy_sides: pl.DataFrame,
    events: pl.DataFrame,
    meta_labels: pl.DataFrame,
    params: EnsemblePredictionsParams,
) -> pl.DataFrame:
    """Return the weighted mean of what the members say of each event that all of them know.

    Models say their walk-forward predictions, strategies how often such a stance paid. Weights follow from these
    probabilities at the event, and from those of events that had ended before it; nothing later is looked at, and no cv
    prediction. An ensemble whose members are all without rows, since its series is not there, is empty.

    Raises
    ------
    DataError
        If an ensemble has the name of a model, or a member differs on an event's side.
    UnknownNameError
        If some members have rows and another has none.
    """
    chosen = predictions.filter(pl.col("split") == "walk_forward")
    models, rules = (set(names.to_list()) for names in (predictions["model"], strategy_sides["rule"]))
    asked = events.filter(pl.col("side").is_not_null()).select(*_EVENT, "side")
    labelled = asked.join(meta_labels.select(*_EVENT, "t1", "label"), on=_EVENT, how="left")
    frames = [spec(EnsemblePredictions).empty()]
    for name, ensemble in sorted(params.ensembles.items()):
        if name in models:
            raise DataError(f"ensemble_predictions: {name!r} is a model; give the ensemble another name")
        absent = [member for member in ensemble.members if member not in models]
        absent += [rule for rule in ensemble.strategies if rule not in rules]
        if 0 < len(absent) < len(ensemble.names):
            raise UnknownNameError(f"member of the ensemble {name!r}", absent[0], sorted(models | rules))
        if not absent:
            frames.append(_predicted(name, ensemble, chosen, strategy_sides, labelled))
    return pl.concat(frames).sort(spec(EnsemblePredictions).key)


def _predicted(
    name: str,
    ensemble: EnsembleParams,
    predictions: pl.DataFrame,
    strategy_sides: pl.DataFrame,
    labelled: pl.DataFrame,
) -> pl.DataFrame:
    rows = _together(name, ensemble, predictions, strategy_sides, labelled).sort("t0", "ticker", "seq")
    label = rows["label"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    t0, t1 = rows["t0"].to_physical().to_numpy(), rows["t1"].to_physical().fill_null(0).to_numpy()
    said = [rows[f"p{k}"].to_numpy() for k in range(len(ensemble.members))]
    said += [stance_probability(rows[f"s{k}"].to_numpy(), label, t0, t1) for k in range(len(ensemble.strategies))]
    probability = np.column_stack(said)
    past = Past.of(probability, label, t0, t1)
    weights = ensemble.rule.weights(probability, past)
    members, versions = _members(ensemble, rows, probability, weights)
    combined = (weights * probability).sum(axis=1)
    if rows.height:  # weights sum to 1 but for rounding
        combined = np.clip(combined, probability.min(axis=1), probability.max(axis=1))
    return rows.with_columns(
        pl.lit(name).alias("model"),
        pl.Series("model_version", versions, dtype=pl.String),
        pl.Series("probability", combined),
        pl.Series("n_past", past.n),
        pl.Series("members", members, dtype=pl.String),
    ).select(_COLUMNS)


def _together(
    name: str,
    ensemble: EnsembleParams,
    predictions: pl.DataFrame,
    strategy_sides: pl.DataFrame,
    labelled: pl.DataFrame,
) -> pl.DataFrame:
    """Return the events that all know: key, side, t1, label, predicted_at, p0, v0, … of models, stances s0, …."""
    rows = labelled.with_columns(pl.col("t0").alias("predicted_at"))
    for k, member in enumerate(ensemble.members):
        own = predictions.filter(pl.col("model") == member).select(
            *_EVENT,
            "side",
            "predicted_at",
            pl.col("probability").alias(f"p{k}"),
            pl.col("model_version").alias(f"v{k}"),
        )
        rows = rows.join(own, on=_EVENT, how="inner", suffix="_of_member")
        n_apart = rows.filter(pl.col("side") != pl.col("side_of_member")).height
        if n_apart:
            raise DataError(
                f"ensemble {name!r}: {member!r} has another side than {n_apart:,} of its events; run it again"
            )
        latest = pl.max_horizontal("predicted_at", "predicted_at_of_member").alias("predicted_at")
        rows = rows.with_columns(latest).drop("side_of_member", "predicted_at_of_member")
    for k, strategy in enumerate(ensemble.strategies):
        own = strategy_sides.filter(pl.col("rule") == strategy).select(*_EVENT, pl.col("side").alias(f"s{k}"))
        rows = rows.join(own, on=_EVENT, how="inner").with_columns(pl.col(f"s{k}") * pl.col("side"))
    return rows


def _members(
    ensemble: EnsembleParams, rows: pl.DataFrame, probability: Floats, weights: Floats
) -> tuple[list[str], list[str]]:
    """Return for each event the column members, and the version of the ensemble."""
    listed: list[str] = []
    versions: list[str] = []
    rule = ensemble.digest()
    known: dict[tuple[str, ...], str] = {}
    of_models = rows.select(f"v{k}" for k in range(len(ensemble.members))).rows() or [()] * rows.height
    none = (None,) * len(ensemble.strategies)
    for version, p, w in zip(of_models, probability.tolist(), weights.tolist(), strict=True):
        if version not in known:
            known[version] = hashlib.sha256(json.dumps([rule, *version]).encode()).hexdigest()
        versions.append(known[version])
        said = zip(ensemble.names, (*version, *none), p, w, strict=True)
        listed.append(json.dumps({name: {"version": v, "probability": q, "weight": u} for name, v, q, u in said}))
    return listed, versions
