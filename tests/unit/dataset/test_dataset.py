from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from pandera.polars import Column
from polars.testing import assert_frame_equal

from tsis.core.errors import UnknownNameError
from tsis.core.table import spec
from tsis.dataset.dataset import DatasetParams, dataset, dataset_columns
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.labeling.sample_weights import SampleWeights
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.processed_features.features import Features

T = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(10)]
PARAMS = DatasetParams(warm_up_bars=2)


@pytest.fixture
def inputs(frame):
    """Ten bars; labelled events on bars 1, 2, 5 and 5 again with another seq, an open one on 8, one without side on 9.

    Feature `late` begins at bar 4, `never` at none.
    """
    bars = frame(Features, ticker="A", bar_spec="time_1h", ts_close=[*T, T[5]], seq=[0] * 10 + [1]).with_columns(
        pl.Series("x", range(11), dtype=pl.Float64),
        pl.Series("late", [None] * 4 + [1.0] * 7),
        pl.lit(None, pl.Float64).alias("never"),
    )
    key = {"ticker": "A", "bar_spec": "time_1h", "t0": [T[1], T[2], T[5], T[5]], "seq": [0, 0, 0, 1]}
    t1 = [T[3], T[4], T[6], T[6]]
    events = {"ticker": "A", "bar_spec": "time_1h", "t0": [*key["t0"], T[8], T[9]], "seq": [0, 0, 0, 1, 0, 0]}
    return {
        "features": bars,
        "events": frame(Events, side=[1, -1, 1, 1, -1, None], **events),
        "meta_labels": frame(MetaLabels, t1=t1, side=[1, -1, 1, 1], label=[1, 0, 1, 0], **key),
        "triple_barrier": frame(TripleBarrier, t1=t1, ret_frac=[0.1, -0.2, 0.3, -0.4], label=[1, -1, 1, -1], **key),
        "sample_weights": frame(
            SampleWeights, t1=t1, return_attribution=[0.5, 0.0, 0.25, 0.125], average_uniqueness=0.75, **key
        ),
    }


def labelled(inputs, params):
    """Return the rows with a label, the stage's first frame."""
    return dataset(**inputs, params=params)[0]


def test_features_are_those_of_the_events_bar(inputs):
    found = labelled(inputs, PARAMS)
    assert found.columns == [*spec(Dataset).columns, "x", "late", "never"]
    assert found.select("t0", "seq", "x").rows() == [(T[2], 0, 2.0), (T[5], 0, 5.0), (T[5], 1, 10.0)]
    assert found["ret_frac"].to_list() == [-0.2, 0.3, -0.4]
    assert found["late"].to_list() == [None, 1.0, 1.0]


def test_warm_up_counts_bars_not_nulls(inputs):
    heights = {n: [rows.height for rows in dataset(**inputs, params=DatasetParams(warm_up_bars=n))] for n in (0, 5, 9)}
    assert heights == {0: [4, 5], 5: [2, 3], 9: [0, 1]}
    shorter = inputs | {"features": inputs["features"].head(7)}
    assert labelled(shorter, PARAMS)["t0"].to_list() == [T[2], T[5]]


def test_a_weight_is_positive_even_without_attribution(inputs):
    attribution = DatasetParams(warm_up_bars=2, weight="return_attribution")
    weights = labelled(inputs, attribution)["sample_weight"].to_list()
    assert weights[1:] == [0.25, 0.125]
    assert 0 < weights[0] < 1e-9
    assert labelled(inputs, PARAMS)["sample_weight"].to_list() == [0.75] * 3
    # time decay counts by uniqueness whatever the weight is
    assert labelled(inputs, attribution)["average_uniqueness"].to_list() == [0.75] * 3


def test_the_declared_columns_are_those_of_the_frame(inputs):
    registered = {name: Column(pl.Float64, nullable=name == "late") for name in ("x", "late", "never")}
    for params in (PARAMS, DatasetParams(features=("never", "x"), warm_up_bars=2)):
        columns = dataset_columns(registered, params)
        found, asked = dataset(**inputs, params=params)
        spec(Dataset).widened(columns).schema.validate(found)
        spec(EventFeatures).widened(columns).schema.validate(asked)
        assert all(column.nullable for column in columns.values())
    assert not registered["x"].nullable


def test_an_unknown_feature_has_a_nearest_name(inputs):
    with pytest.raises(UnknownNameError, match="unknown feature 'lat'; did you mean 'late'"):
        dataset(**inputs, params=DatasetParams(features=("lat",)))
    with pytest.raises(UnknownNameError, match="unknown feature 'y'"):
        dataset_columns({"x": Column(pl.Float64)}, DatasetParams(features=("y",)))


def test_an_event_without_label_is_asked_but_not_learnt_from(inputs):
    rows, asked = dataset(**inputs, params=PARAMS)
    assert asked.columns == [*spec(EventFeatures).columns, "x", "late", "never"]
    assert asked.select("t0", "seq", "side", "x").rows() == [
        (T[2], 0, -1, 2.0),
        (T[5], 0, 1, 5.0),
        (T[5], 1, 1, 10.0),
        (T[8], 0, -1, 8.0),
    ]
    shared = [*spec(EventFeatures).columns, "x", "late", "never"]
    assert_frame_equal(rows.select(shared), asked.filter(pl.col("t0") < T[8]))
    partial = inputs | {"meta_labels": inputs["meta_labels"].head(2)}
    fewer, same = dataset(**partial, params=PARAMS)
    assert fewer["t0"].to_list() == [T[2]]
    assert_frame_equal(same, asked)


def test_nothing_in_nothing_out_and_inputs_stay(inputs):
    copies = {name: rows.clone() for name, rows in inputs.items()}
    dataset(**inputs, params=PARAMS)
    for name, rows in inputs.items():
        assert_frame_equal(rows, copies[name])
    full = dataset(**inputs, params=PARAMS)
    empty = dataset(**{name: rows.clear() for name, rows in inputs.items()}, params=PARAMS)
    assert [rows.height for rows in empty] == [0, 0]
    assert [rows.schema for rows in empty] == [rows.schema for rows in full]
    bare = dataset(**{table.table: table.empty() for table in dataset.reads}, params=DatasetParams())
    assert [rows.schema for rows in bare] == [table.polars_schema for table in dataset.writes]
