from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.table import spec
from tsis.labeling.fixed_horizon import FixedHorizonParams, HorizonParams, fixed_horizon, horizon_labels
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.fixed_horizon import FixedHorizon


def events_on(rows, at, target=0.003):
    return rows[at].select(
        pl.lit("ES").alias("ticker"),
        pl.lit("time_1h").alias("bar_spec"),
        pl.col("ts_close").alias("t0"),
        "seq",
        pl.lit("cusum").alias("kind"),
        pl.lit(1, dtype=pl.Int8).alias("side"),
        pl.lit(target).alias("target"),
    )


def test_returns_and_thresholds(bars):
    rows = bars([100.0, 101.0, 100.0, 103.0, 103.0, 99.0])
    found = horizon_labels(events_on(rows, [0, 1, 2, 3], 0.01), rows, HorizonParams(n_bars=2, multiple=1.0))
    assert found["ret_frac"].to_list() == [0.0, 103 / 101 - 1, 103 / 100 - 1, 99 / 103 - 1]
    assert found["label"].to_list() == [0, 1, 1, -1]
    assert found["threshold_frac"].to_list() == [0.01] * 4
    wide = horizon_labels(events_on(rows, [0, 1, 2, 3], 0.01), rows, HorizonParams(n_bars=2, multiple=3.5))
    assert wide["label"].to_list() == [0, 0, 0, -1]
    signs = horizon_labels(events_on(rows, [0, 1, 2, 3], 0.01), rows, HorizonParams(n_bars=2))
    assert signs["label"].to_list() == [0, 1, 1, -1]


def test_a_horizon_in_seconds_ends_on_the_first_bar_at_or_after_it(bars):
    rows = bars([100.0 + i for i in range(6)])
    ends = [
        horizon_labels(events_on(rows, [0]), rows, HorizonParams(seconds=seconds))["t1"][0] - rows["ts_close"][0]
        for seconds in (1e-9, 3_600.0, 3_601.0, 7_200.0)
    ]
    assert ends == [timedelta(hours=hours) for hours in (1, 1, 2, 2)]


@pytest.mark.parametrize("params", [HorizonParams(n_bars=20), HorizonParams(seconds=86_400.0)])
def test_against_shifted_closes_and_known_in_time(es_bars, params):
    events = events_on(es_bars, np.arange(0, 1_000, 3), 0.002)
    found = horizon_labels(events, es_bars, params)
    assert 200 < found.height < events.height
    closes = dict(zip(es_bars["ts_close"], es_bars["close"], strict=True))
    expected = [closes[t1] / closes[t0] - 1.0 for t0, t1 in found.select("t0", "t1").rows()]
    assert found["ret_frac"].to_list() == expected
    cut = es_bars["ts_close"][599]
    head = horizon_labels(events.filter(pl.col("t0") <= cut), es_bars[:600], params)
    assert head.height > 100
    assert_frame_equal(found.filter(pl.col("t1") <= cut), head, check_exact=True)


def test_the_stage(bars, dim):
    rows = bars([100.0 + i for i in range(10)])
    events = events_on(rows, [0, 8])
    params = FixedHorizonParams(series={"future": {"time_1h": HorizonParams(n_bars=5)}})
    found = fixed_horizon(events=events, information_bars=rows, tickers_dim=dim, params=params)
    spec(FixedHorizon).schema.validate(found)
    assert found.select("t0", "t1", "label").rows() == [(rows["ts_close"][0], rows["ts_close"][5], 1)]
    none = fixed_horizon(events=events, information_bars=rows, tickers_dim=dim, params=FixedHorizonParams(series={}))
    nothing = fixed_horizon(
        events=spec(Events).empty(), information_bars=rows[:0], tickers_dim=dim.clear(), params=FixedHorizonParams()
    )
    assert none.schema == nothing.schema == spec(FixedHorizon).polars_schema
    assert none.is_empty()


@pytest.mark.parametrize("given", [{}, {"n_bars": 1, "seconds": 1.0}])
def test_one_horizon_is_needed(given):
    with pytest.raises(ValidationError, match="one horizon"):
        HorizonParams(**given)
