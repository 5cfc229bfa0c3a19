"""Meta-labels of any primary side."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.labeling.meta_labels import MetaLabelsParams, meta_labels, meta_labels_of
from tsis.labeling.triple_barrier import BarrierParams, labels
from tsis.tables.labeling.meta_labels import MetaLabels

PARAMS = BarrierParams(pt=3, sl=1, max_bars=30)


@pytest.fixture
def events(es_bars):
    return es_bars[np.arange(0, 900, 13)].select(
        ticker=pl.lit("ES"),
        bar_spec=pl.lit("x"),
        t0="ts_close",
        seq="seq",
        kind=pl.lit("cusum"),
        side=pl.lit(1, dtype=pl.Int8),
        target=pl.lit(0.002),
    )


def test_of_the_events_own_side_it_is_the_stage(es_bars, events):
    side = pl.Series(np.random.default_rng(1).choice([-1, 1], events.height), dtype=pl.Int8)
    with_side = events.with_columns(side=side)
    expected = meta_labels(
        triple_barrier=labels(with_side, es_bars, PARAMS), events=with_side, params=MetaLabelsParams()
    )
    found = meta_labels_of(side, events, es_bars, PARAMS)
    spec(MetaLabels).schema.validate(found)
    assert_frame_equal(found, expected)
    assert set(found["label"]) == {0, 1}


def test_where_the_primary_does_not_act_there_is_no_row(es_bars, events):
    side = pl.Series([0, None, 1, -1] * (events.height // 4 + 1))[: events.height]
    found = meta_labels_of(side, events, es_bars, PARAMS)
    acted = events.filter(side.fill_null(0) != 0)
    assert found.height == labels(acted, es_bars, PARAMS).height > 20
    assert set(found["side"]) == {-1, 1}


def test_against_a_loop(es_bars, events):
    close = es_bars["close"].to_numpy()
    expected = []
    for number, first in enumerate(range(0, 900, 13)):
        side = -1 if number % 3 else 1
        path = side * (close[first + 1 : first + 31] / close[first] - 1.0)
        touched = np.flatnonzero((path > 3 * 0.002) | (path < -0.002))
        expected.append(int(path[touched[0] if touched.size else 29] > 0))
    sides = pl.Series([-1 if number % 3 else 1 for number in range(events.height)])
    assert meta_labels_of(sides, events, es_bars, PARAMS)["label"].to_list() == expected


def test_wrong_sides_are_named(es_bars, events):
    with pytest.raises(DataError, match=rf"3 sides for {events.height} events"):
        meta_labels_of(pl.Series([1, 1, 1]), events, es_bars, PARAMS)
    sides = pl.Series([2] + [1] * (events.height - 1))
    with pytest.raises(DataError, match=r"1 sides are not \+1, -1, 0 or null \(first: 2\)"):
        meta_labels_of(sides, events, es_bars, PARAMS)


def test_nothing_in_nothing_out(es_bars, events):
    found = meta_labels_of(pl.Series([], dtype=pl.Int8), events[:0], es_bars[:0], PARAMS)
    assert found.schema == spec(MetaLabels).polars_schema
