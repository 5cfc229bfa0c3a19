"""What labels do with input that breaks a rule: a clear error, or the rule that their docstring states."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tsis.core.errors import DataError
from tsis.labeling.bar_positions import end_positions, start_positions
from tsis.labeling.fixed_horizon import HorizonParams, horizon_labels
from tsis.labeling.sample_weights import weights
from tsis.labeling.trend_scanning import TrendParams, trend_labels
from tsis.labeling.triple_barrier import BarrierParams, labels

START = datetime(2020, 1, 1, tzinfo=UTC)
LABELS = {
    "triple_barrier": lambda events, bars: labels(events, bars, BarrierParams(max_bars=3)),
    "fixed_horizon": lambda events, bars: horizon_labels(events, bars, HorizonParams(n_bars=3)),
    "trend_scanning": lambda events, bars: trend_labels(events, bars, TrendParams(shortest=3, longest=4)),
}
every_label = pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)


def series(hours, seq=None, close=None):
    close = np.asarray(close if close is not None else 100.0 + np.arange(len(hours)), dtype=float)
    return pl.DataFrame(
        {"ts_close": [START + timedelta(hours=hour) for hour in hours], "seq": seq or [0] * len(hours)},
        schema_overrides={"ts_close": pl.Datetime("us", "UTC")},
    ).with_columns(pl.Series(name, close) for name in ("open", "high", "low", "close"))


def events_of(times, target=0.01, seq=0):
    return pl.DataFrame(
        {
            "ticker": "ES",
            "bar_spec": "x",
            "t0": [START + timedelta(hours=hour) for hour in times],
            "seq": seq,
            "kind": "cusum",
            "side": 1,
            "target": target,
        },
        schema_overrides={"t0": pl.Datetime("us", "UTC"), "side": pl.Int8, "seq": pl.Int64},
    )


@every_label
@pytest.mark.parametrize("hour", [-1, 0.5, 10])
def test_an_event_outside_the_bars_is_named(label, hour):
    with pytest.raises(DataError, match=r"1 of 2 rows of ES x have no bar \(first: t0=20.*run information_bars"):
        label(events_of([1, hour]), series(range(10)))


@every_label
def test_events_without_any_bars_are_named(label):
    with pytest.raises(DataError, match=r"1 of 1 rows of ES x have no bar"):
        label(events_of([1]), series([]))


@every_label
@pytest.mark.parametrize("hours", [[0, 2, 1, 3], [0, 1, 1, 2]])
def test_unsorted_and_repeated_bars_are_refused(label, hours):
    with pytest.raises(DataError, match=r"1 of 4 bars are not after the one before \(first: ts_close=2020-01-01T01"):
        label(events_of([0]), series(hours))


@pytest.mark.parametrize("target", [None, float("nan"), float("inf"), 0.0, -0.01])
@pytest.mark.parametrize("name", ["triple_barrier", "fixed_horizon"])
def test_a_target_that_gives_no_width_is_refused(name, target):
    events = events_of([0, 1]).with_columns(target=pl.Series([0.01, target]))
    with pytest.raises(
        DataError, match=r"1 of 2 events have no volatility above zero .* drop the events of the warm-up"
    ):
        LABELS[name](events, series(range(10)))


def test_unsorted_and_repeated_events_keep_their_order():
    found = labels(events_of([3, 0, 3]), series(range(10)), BarrierParams(pt=1, sl=1, max_bars=2))
    assert [(row["t0"] - START).seconds // 3600 for row in found.to_dicts()] == [3, 0, 3]


def test_bars_that_close_at_one_time_are_told_apart():
    bars = series([0, 1, 1, 1, 1, 2], seq=[0, 0, 2, 3, 7, 0], close=[100, 100, 101, 105, 100, 100])
    events = events_of([1, 1], seq=pl.Series([0, 2]))
    assert start_positions(events, bars).tolist() == [1, 2]
    found = labels(events, bars, BarrierParams(pt=3, sl=3, max_bars=4))
    assert found.select("t1", "t1_seq", "barrier").rows() == [(START + timedelta(hours=1), 3, "profit_taking")] * 2
    assert end_positions(found, bars).tolist() == [3, 3]
    with pytest.raises(DataError, match=r"1 of 1 rows of ES x have no bar .*, seq=5\)"):
        start_positions(events_of([1], seq=5), bars)
    # a weight counts to the bar that ended the window, not to the last of that time: one bar alone, two together
    weighed = weights(found, bars)
    np.testing.assert_allclose(weighed["average_uniqueness"], [(1 + 1 / 2 + 1 / 2) / 3, 1 / 2], rtol=1e-15)


def test_a_vertical_barrier_in_seconds_lies_after_bars_of_the_same_time():
    bars = series([0, 1, 1, 1, 2, 3], seq=[0, 0, 1, 2, 0, 0])
    found = labels(events_of([1]), bars, BarrierParams(pt=0, sl=0, max_bars=None, max_seconds=1e-9))
    assert found.select("t1", "t1_seq").rows() == [(START + timedelta(hours=2), 0)]
