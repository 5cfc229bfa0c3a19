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
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.signals.ensemble_predictions import EnsemblePredictions
from tsis.tables.signals.predictions import Predictions

_EVENT = ["ticker", "bar_spec", "t0", "seq"]
_COLUMNS = list(spec(EnsemblePredictions).columns)


class EnsembleParams(Params):
    """One ensemble.

    Parameters
    ----------
    members : names of models in ``predictions.models``, at least two, of one series. An event that one of them has not
        predicted has no prediction of the ensemble.
    rule : how they are weighed, by its ``kind``; see `tsis.signals.ensembles`.
    """

    members: tuple[str, ...] = Field(min_length=2)
    rule: Rule

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.members)) < len(self.members):
            raise ValueError("a member is named twice; its weight follows from the rule")
        return self


class EnsemblePredictionsParams(Params):
    """The ensembles by name; a name is also its strategy's, and not that of a model."""

    ensembles: dict[str, EnsembleParams] = Field(default_factory=dict)


@stage(reads=[Predictions, MetaLabels], writes=[EnsemblePredictions], by="whole")
def ensemble_predictions(
    predictions: pl.DataFrame, meta_labels: pl.DataFrame, params: EnsemblePredictionsParams
) -> pl.DataFrame:
    """Return the weighted mean of the members' walk-forward predictions of each event that all of them predicted.

    Weights follow from the members' probabilities at the event, and from their out-of-sample predictions of events that
    had ended before it; nothing later is looked at, and no cv prediction. A model that has no predictions at all, since
    its series has no rows, makes its ensembles empty only if all other members are without, too.

    Raises
    ------
    DataError
        If an ensemble has the name of a model, or its members differ on an event's side.
    UnknownNameError
        If some members have predictions and another has none.
    """
    known = sorted(set(predictions["model"].to_list()))
    chosen = predictions.filter(pl.col("split") == "walk_forward")
    labels = meta_labels.select(*_EVENT, "t1", "label")
    frames = [spec(EnsemblePredictions).empty()]
    for name, ensemble in sorted(params.ensembles.items()):
        if name in known:
            raise DataError(f"ensemble_predictions: {name!r} is a model; give the ensemble another name")
        there = [member for member in ensemble.members if member in known]
        for member in ensemble.members:
            if there and member not in there:
                raise UnknownNameError(f"member of the ensemble {name!r}", member, known)
        if there:
            frames.append(_predicted(name, ensemble, chosen, labels))
    return pl.concat(frames).sort(spec(EnsemblePredictions).key)


def _predicted(name: str, ensemble: EnsembleParams, predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    rows = (
        _together(name, ensemble.members, predictions).join(labels, on=_EVENT, how="left").sort("t0", "ticker", "seq")
    )
    probability = rows.select(f"p{k}" for k in range(len(ensemble.members))).to_numpy()
    past = Past.of(
        probability,
        rows["label"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        rows["t0"].to_physical().to_numpy(),
        rows["t1"].to_physical().fill_null(0).to_numpy(),
    )
    weights = ensemble.rule.weights(probability, past)
    members, versions = _members(ensemble, rows, probability, weights)
    # weights sum to 1 but for rounding
    combined = np.clip((weights * probability).sum(axis=1), probability.min(axis=1), probability.max(axis=1))
    return rows.with_columns(
        pl.lit(name).alias("model"),
        pl.Series("model_version", versions, dtype=pl.String),
        pl.Series("probability", combined),
        pl.Series("n_past", past.n),
        pl.Series("members", members, dtype=pl.String),
    ).select(_COLUMNS)


def _together(name: str, members: tuple[str, ...], predictions: pl.DataFrame) -> pl.DataFrame:
    """Return the events that all members predicted: key, side, predicted_at, and p0, v0, p1, v1, … of the members."""
    said = [
        predictions.filter(pl.col("model") == member).select(
            *_EVENT,
            "side",
            "predicted_at",
            pl.col("probability").alias(f"p{k}"),
            pl.col("model_version").alias(f"v{k}"),
        )
        for k, member in enumerate(members)
    ]
    rows = said[0]
    for member, own in zip(members[1:], said[1:], strict=True):
        rows = rows.join(own, on=_EVENT, how="inner", suffix="_of_member")
        n_apart = rows.filter(pl.col("side") != pl.col("side_of_member")).height
        if n_apart:
            raise DataError(f"ensemble {name!r}: {member!r} has another side than {members[0]!r} at {n_apart:,} events")
        latest = pl.max_horizontal("predicted_at", "predicted_at_of_member").alias("predicted_at")
        rows = rows.with_columns(latest).drop("side_of_member", "predicted_at_of_member")
    return rows


def _members(
    ensemble: EnsembleParams, rows: pl.DataFrame, probability: Floats, weights: Floats
) -> tuple[list[str], list[str]]:
    """Return for each event the column members, and the version of the ensemble."""
    listed: list[str] = []
    versions: list[str] = []
    rule = ensemble.digest()
    known: dict[tuple[str, ...], str] = {}
    of_members = rows.select(f"v{k}" for k in range(len(ensemble.members))).rows()
    for version, p, w in zip(of_members, probability.tolist(), weights.tolist(), strict=True):
        if version not in known:
            known[version] = hashlib.sha256(json.dumps([rule, *version]).encode()).hexdigest()
        versions.append(known[version])
        listed.append(
            json.dumps(
                {
                    name: {"version": version[k], "probability": p[k], "weight": w[k]}
                    for k, name in enumerate(ensemble.members)
                }
            )
        )
    return listed, versions
