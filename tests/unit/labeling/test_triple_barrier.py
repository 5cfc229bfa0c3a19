from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.errors import DataError, ParamsError
from tsis.core.table import spec
from tsis.labeling.meta_labels import MetaLabelsParams, meta_labels
from tsis.labeling.triple_barrier import BarrierParams, TripleBarrierParams, labels, triple_barrier
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.labeling.triple_barrier import TripleBarrier

START = datetime(2020, 1, 1, tzinfo=UTC)


def events_at(*rows):
    """Rows of (bar number, side, target) on hourly bars."""
    return spec(Events).schema.validate(
        pl.DataFrame(
            [
                {
                    "ticker": "ES",
                    "bar_spec": "time_1h",
                    "t0": START + timedelta(hours=bar + 1),
                    "seq": 0,
                    "kind": "cusum",
                    "side": side,
                    "target": target,
                }
                for bar, side, target in rows
            ],
            schema=spec(Events).polars_schema,
        )
    )


def outcome(events, bars, **params):
    defaults = {"pt": 1.0, "sl": 1.0, "max_bars": 3}
    found = labels(events, bars, BarrierParams(**(defaults | params)))
    return spec(TripleBarrier).schema.validate(found)


def test_each_barrier(bars):
    path = bars([100.0, 101.0, 104.0, 99.0, 95.0, 95.0, 95.0, 95.5, 95.0])
    found = outcome(events_at((0, 1, 0.03), (2, 1, 0.08), (4, 1, 0.03)), path)
    assert found["barrier"].to_list() == ["profit_taking", "stop_loss", "vertical"]
    assert found["label"].to_list() == [1, -1, 1]
    np.testing.assert_allclose(found["ret_frac"], [0.04, 95 / 104 - 1, 95.5 / 95 - 1], rtol=1e-12)
    assert found["t1"].to_list() == [START + timedelta(hours=hours) for hours in (3, 5, 8)]
    assert outcome(events_at((4, 1, 0.03)), path, vertical_label="zero")["label"].to_list() == [0]


def test_a_touch_is_strict_and_zero_turns_a_barrier_off(bars):
    path = bars([100.0, 150.0, 100.0, 100.0])
    assert outcome(events_at((0, 1, 0.5)), path)["barrier"].to_list() == ["vertical"]
    assert outcome(events_at((0, 1, 0.4)), path)["barrier"].to_list() == ["profit_taking"]
    assert outcome(events_at((0, 1, 0.4)), path, pt=0.0)["barrier"].to_list() == ["vertical"]
    assert outcome(events_at((0, -1, 0.4)), path, sl=0.0)["barrier"].to_list() == ["vertical"]


def test_an_event_whose_window_has_not_ended_has_no_row(bars):
    path = bars([100.0, 101.0, 100.5])
    assert outcome(events_at((0, 1, 0.5)), path).is_empty()
    assert outcome(events_at((0, 1, 0.5)), path, max_bars=2).height == 1
    assert outcome(events_at((0, 1, 0.005)), path).height == 1
    assert outcome(events_at((0, 1, 0.5)), path, max_bars=None).is_empty()


def test_the_vertical_barrier_in_time_is_the_first_bar_at_or_after_it(bars):
    path = bars([100.0] * 6)
    ends = [
        outcome(events_at((0, 1, 0.5)), path, max_bars=max_bars, max_seconds=seconds)["t1"].to_list()
        for max_bars, seconds in [(None, 7_200.0), (None, 7_201.0), (1, 7_200.0), (4, 7_200.0)]
    ]
    assert ends == [[START + timedelta(hours=hours)] for hours in (3, 4, 2, 3)]


def test_highs_and_lows_with_the_stop_first(bars):
    both = bars([(100.0, 100.0, 100.0, 100.0), (100.0, 106.0, 94.0, 101.0), (100.0, 100.0, 100.0, 100.0)])
    long_short = events_at((0, 1, 0.05))
    assert outcome(long_short, both, max_bars=2)["barrier"].to_list() == ["vertical"]
    found = outcome(long_short, both, touch="high_low")
    assert found["barrier"].to_list() == ["stop_loss"]
    assert found["ret_frac"].to_list() == [-0.05]
    short = outcome(events_at((0, -1, 0.05)), both, touch="high_low")
    assert short["barrier"].to_list() == ["stop_loss"]
    assert short["ret_frac"].to_list() == [-0.05]
    wide = outcome(long_short, both, touch="high_low", sl=2.0)
    assert (wide["barrier"].to_list(), wide["ret_frac"].to_list()) == (["profit_taking"], [0.05])


def test_a_bar_that_opens_beyond_the_barrier_fills_at_its_open(bars):
    gap = bars([(100.0, 100.0, 100.0, 100.0), (90.0, 91.0, 89.0, 90.0)])
    assert outcome(events_at((0, 1, 0.05)), gap, touch="high_low")["ret_frac"].to_list() == pytest.approx([-0.1])
    assert outcome(events_at((0, -1, 0.05)), gap, touch="high_low")["ret_frac"].to_list() == pytest.approx([0.1])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    pt=st.floats(0.0, 4.0),
    sl=st.floats(0.0, 4.0),
    max_bars=st.one_of(st.none(), st.integers(1, 30)),
    vertical_label=st.sampled_from(["zero", "sign"]),
)
def test_the_reversed_side_mirrors_the_label(es_bars, seed, pt, sl, max_bars, vertical_label):
    assume(pt > 0 or sl > 0 or max_bars is not None)
    random = np.random.default_rng(seed)
    numbers = np.sort(random.choice(900, 20, replace=False))
    sides = random.choice([-1, 1], 20)
    chosen = es_bars[numbers].select(
        ticker=pl.lit("ES"),
        bar_spec=pl.lit("x"),
        t0="ts_close",
        seq="seq",
        kind=pl.lit("cusum"),
        side=pl.Series(sides, dtype=pl.Int8),
        target=pl.lit(0.003),
    )
    common = {"max_bars": max_bars, "vertical_label": vertical_label}
    one = labels(chosen, es_bars, BarrierParams(pt=pt, sl=sl, **common))
    other = labels(chosen.with_columns(-pl.col("side")), es_bars, BarrierParams(pt=sl, sl=pt, **common))
    names = {"profit_taking": "stop_loss", "stop_loss": "profit_taking", "vertical": "vertical"}
    mirrored = other.with_columns(
        -pl.col("label"), -pl.col("ret_frac"), pl.col("barrier").replace(names), pt=pl.lit(pt), sl=pl.lit(sl)
    )
    assert_frame_equal(one, mirrored, check_exact=True)


def staged(events, bars, dim, series):
    return triple_barrier(
        events=events, information_bars=bars, tickers_dim=dim, params=TripleBarrierParams(series=series)
    )


def test_the_stage_and_the_meta_labels(bars, dim):
    path = bars([100.0, 104.0, 104.0, 100.0, 100.0])
    rows = events_at((0, 1, 0.03), (1, 1, 0.03), (2, None, 0.03))
    copies = rows.clone(), path.clone()
    found = staged(rows, path, dim, {"future": {"time_1h": BarrierParams(pt=1, sl=1, max_bars=3)}})
    spec(TripleBarrier).schema.validate(found)
    meta = meta_labels(triple_barrier=found, events=rows, params=MetaLabelsParams())
    spec(MetaLabels).schema.validate(meta)
    assert found["label"].to_list() == [1, -1, -1]
    assert meta["label"].to_list() == [1, 0]
    assert meta["side"].to_list() == [1, 1]
    assert_frame_equal(rows, copies[0])
    assert_frame_equal(path, copies[1])


def test_one_distance_takes_the_place_of_that_of_every_series():
    series = {
        "future": {"time_1h": BarrierParams(pt=1, sl=3)},
        "fx": {"time_1h": BarrierParams(pt=2, sl=0, max_bars=9)},
    }
    assert TripleBarrierParams(series=series).barriers() == series
    assert TripleBarrierParams(series=series, pt=2.5).barriers() == {
        "future": {"time_1h": BarrierParams(pt=2.5, sl=3)},
        "fx": {"time_1h": BarrierParams(pt=2.5, sl=0, max_bars=9)},
    }
    series["fx"]["time_1h"] = BarrierParams(pt=1, sl=0, max_bars=None)
    with pytest.raises(ValidationError, match="all barriers are off"):
        TripleBarrierParams(series=series, pt=0.0)


def test_no_label_changes_with_what_follows_its_t1(es_bars):
    chosen = es_bars[::20].select(
        ticker=pl.lit("ES"),
        bar_spec=pl.lit("x"),
        t0="ts_close",
        seq="seq",
        kind=pl.lit("cusum"),
        side=pl.lit(1, dtype=pl.Int8),
        target=pl.lit(0.003),
    )
    params = BarrierParams(pt=2, sl=2, max_bars=40)
    whole = labels(chosen, es_bars, params)
    cut = es_bars["ts_close"][599]
    head = labels(chosen.filter(pl.col("t0") <= cut), es_bars[:600], params)
    assert head.height > 10
    assert_frame_equal(whole.filter(pl.col("t1") <= cut), head, check_exact=True)


def test_empty_in_empty_out(bars, dim):
    none = spec(Events).empty()
    found = staged(none, bars([1.0])[:0], dim, {})
    assert spec(TripleBarrier).schema.validate(found).is_empty()
    meta = meta_labels(triple_barrier=found, events=none, params=MetaLabelsParams())
    assert spec(MetaLabels).schema.validate(meta).is_empty()


def test_missing_settings_and_missing_bars_are_named(bars, dim):
    rows, path = events_at((0, 1, 0.03)), bars([100.0, 101.0])
    with pytest.raises(ParamsError, match=r"add triple_barrier.series.future.time_1h"):
        staged(rows, path, dim, {})
    with pytest.raises(DataError, match=r"1 of 1 rows of ES time_1h have no bar"):
        staged(rows, path[1:], dim, {"future": {"time_1h": BarrierParams()}})
