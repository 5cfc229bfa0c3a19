"""The dataset: the features of every event, and of the labelled ones the label, its window and its weight."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Literal

import polars as pl
from pandera.polars import Column
from pydantic import Field

from tsis.core.errors import UnknownNameError
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.labeling.sample_weights import SampleWeights
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.processed_features.features import Features

_KEY = ["ticker", "bar_spec", "t0", "seq"]
_BASE = list(spec(Dataset).columns)
_EVENT = list(spec(EventFeatures).columns)
_FEATURE_KEY = list(spec(Features).columns)
_SMALLEST_WEIGHT = 1e-12


class DatasetParams(Params):
    """What the dataset holds.

    Parameters
    ----------
    features : names of the features to learn from, in order; empty for every column that `features` has.
    warm_up_bars : events on the first `warm_up_bars` bars of a series (ticker and bar_spec) have no row in
        either table, labelled or not.
    weight : ``average_uniqueness`` (AFML 4.2) or ``return_attribution`` (AFML 4.10: uniqueness times size of the
        return; a label without return weighs next to nothing). The latter counts the return of the event's own bar,
        which favours labels that went on as the event began: probabilities learnt with it are not frequencies.
    """

    features: tuple[str, ...] = ()
    warm_up_bars: int = Field(default=100, ge=0)
    weight: Literal["return_attribution", "average_uniqueness"] = "average_uniqueness"


def dataset_columns(features: Mapping[str, Column], params: DatasetParams) -> dict[str, Column]:
    """Return the columns that widen the table: the chosen features, each declared nullable.

    Parameters
    ----------
    features : the columns of the registered features, by name, in the order of the `features` table.
    params : which of them are chosen.

    Raises
    ------
    UnknownNameError
        If a chosen feature is not registered.
    """
    chosen = _chosen(list(features), params)
    widened: dict[str, Column] = {}
    for name in chosen:
        widened[name] = copy(features[name])
        widened[name].nullable = True
    return widened


@stage(reads=[Features, Events, MetaLabels, TripleBarrier, SampleWeights], writes=[Dataset, EventFeatures], by="ticker")
def dataset(
    features: pl.DataFrame,
    events: pl.DataFrame,
    meta_labels: pl.DataFrame,
    triple_barrier: pl.DataFrame,
    sample_weights: pl.DataFrame,
    params: DatasetParams,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Join each event with the features of its bar, and each labelled one also with its label.

    The second frame is what a model may be asked at t0, whether or not the event's window has ended since; the first is
    what it may learn from, and a row of it is known from t1.

    A feature that is missing stays null: XGBoost learns a direction for missing values, and some features do not exist
    for some series (buy pressure of daily bars). The warm-up is a declared number of bars, not "until no null is left",
    because the latter would let later data decide whether an earlier row exists. An event without a side has no
    meta-label and no row. What was left out is ``meta_labels`` anti-joined with ``dataset`` on the key.

    Returns
    -------
    dataset, event_features : base columns, then the chosen features; ordered by ticker, bar_spec, t0, seq. The keys of
        the first are among those of the second.

    Raises
    ------
    UnknownNameError
        If a chosen feature is not a column of `features`.
    """
    chosen = _chosen([name for name in features.columns if name not in _FEATURE_KEY], params)
    bars = (
        features.sort(_FEATURE_KEY)
        .with_columns(pl.int_range(pl.len()).over("ticker", "bar_spec").alias("_bar"))
        .filter(pl.col("_bar") >= params.warm_up_bars)
        .select(*_FEATURE_KEY, *chosen)
        .rename({"ts_close": "t0"})
    )
    asked = (
        events.filter(pl.col("side").is_not_null()).join(bars, on=_KEY, how="inner").select(*_EVENT, *chosen).sort(_KEY)
    )
    weight = pl.max_horizontal(pl.col(params.weight), pl.lit(_SMALLEST_WEIGHT)).alias("sample_weight")
    labelled = (
        meta_labels.select(*_KEY, "t1", "label")
        .join(triple_barrier.select(*_KEY, "ret_frac"), on=_KEY, how="inner")
        .join(sample_weights.select(*_KEY, "average_uniqueness", weight), on=_KEY, how="inner")
        .join(asked, on=_KEY, how="inner")
        .select(*_BASE, *chosen)
        .sort(_KEY)
    )
    return labelled, asked


def _chosen(known: list[str], params: DatasetParams) -> list[str]:
    for name in params.features:
        if name not in known:
            raise UnknownNameError("feature", name, known)
    return list(params.features) or known
