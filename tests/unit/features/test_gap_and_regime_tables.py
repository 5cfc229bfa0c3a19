"""The tables of gaps and regimes tell what the feature columns tell, each time from itself on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from gap_rows import PLACE, rows
from polars.testing import assert_frame_equal

from tsis.core.table import spec
from tsis.features.engine import Engine
from tsis.features.fair_value_gaps import FairValueGapsParams, fair_value_gaps
from tsis.features.gaps.fair_value_gap import FairValueGapParams, fair_value_gap
from tsis.features.given_streams import given_streams
from tsis.features.regime.market_regime import MarketRegimeParams, market_regime
from tsis.features.regimes import RegimesParams, regimes
from tsis.tables.processed_features.fair_value_gaps import FairValueGaps
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.regimes import Regimes
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

GAPS = FairValueGapsParams(fair_value_gap=FairValueGapParams(timeframes=("M5", "H1", "D1"), capacity=4))
REGIMES = RegimesParams(market_regime=MarketRegimeParams(ema_periods=(5, 10, 20, 40), rank_bars=40))
LATER = ("ts_touched", "ts_filled", "ts_inverted", "ts_dropped")


@pytest.fixture
def bars(frame):
    def build(n=6_000, seed=1, bar_spec="time_5m", ticker="X"):
        given = rows(n, seed)
        times = {name: given[:, PLACE[name]].astype(np.int64) for name in ("ts_open", "ts_close")}
        timed = {name: pl.Series(values).cast(pl.Datetime("us", "UTC")) for name, values in times.items()}
        prices = {name: given[:, PLACE[name]].tolist() for name in ("open", "high", "low", "close", "volume")}
        return frame(InformationBars, ticker=[ticker] * n, bar_spec=bar_spec, seq=0, **timed, **prices)

    return build


@pytest.fixture
def reference(frame):
    days = [date(2020, 1, 2) + timedelta(days=i) for i in range(60)]
    opens = [datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC) for day in days]
    closes = [moment + timedelta(hours=6.5) for moment in opens]
    return {
        "sessions": frame(Sessions, exchange="XNYS", session=days, open=opens, close=closes, is_half_day=False),
        "tickers_dim": frame(TickersDim, ticker=["X", "Y"], exchange="XNYS", float_shares=None, valid_to=None),
    }


def as_of(found, moment, first, later):
    """Return what is known at a moment: the rows by then, and of later times nothing."""
    hidden = [pl.when(pl.col(name) <= moment).then(name).alias(name) for name in later]
    return found.filter(pl.col(first) <= moment).with_columns(hidden)


def test_the_gaps_that_are_open_by_the_table_are_those_that_the_features_count(bars, reference):
    given = bars()
    found = fair_value_gaps(information_bars=given, **reference, params=GAPS)
    spec(FairValueGaps).schema.validate(found)
    engine = Engine([fair_value_gap(GAPS.fair_value_gap)])
    streams = given_streams(given, reference["sessions"], reference["tickers_dim"].head(1))
    columns = dict(zip(engine.names, engine.fold(streams, engine.start())[0].T, strict=True))
    closes = given["ts_close"]
    for (timeframe, direction), gaps in found.partition_by("timeframe", "direction", as_dict=True).items():
        name = f"fvg_{timeframe.lower()}_{direction}"
        created = closes.search_sorted(gaps["ts_created"]).to_numpy()
        done = gaps.select(pl.min_horizontal("ts_filled", "ts_dropped").fill_null(closes[-1] + timedelta(days=1)))
        ended = closes.search_sorted(done.to_series()).to_numpy()
        count = np.zeros(given.height + 1)
        np.add.at(count, created, 1.0)
        np.add.at(count, ended[ended < given.height], -1.0)
        known = ~np.isnan(columns[f"{name}_count"])
        np.testing.assert_array_equal(columns[f"{name}_count"][known], np.cumsum(count)[:-1][known])
        if timeframe == "D1":  # too few
            continue
        # where the new gap is the nearest, the features are its size and quality
        fresh = created[columns[f"{name}_age"][created] == 0.0]
        here = gaps.filter(pl.Series(columns[f"{name}_age"][created] == 0.0))
        np.testing.assert_array_equal(columns[f"{name}_size"][fresh], here["size_atr"])
        np.testing.assert_array_equal(columns[f"{name}_quality"][fresh], here["quality"])
        assert here.height > 5
    assert set(found["timeframe"]) == {"M5", "H1", "D1"}
    for name in LATER:
        assert 0 < found[name].null_count() < found.height
    assert (found["ts_touched"] <= found["ts_filled"]).all()
    assert (found["ts_filled"] <= found["ts_inverted"]).all()
    # a row beyond the end of the third bar makes the gap known, and may be the first to trade in it
    assert (found["ts_created"] <= found["ts_touched"]).all()
    assert found.filter(pl.col("ts_dropped").is_not_null(), pl.col("ts_filled").is_not_null()).is_empty()


def test_edges_are_those_of_the_three_bars(bars, reference):
    given = bars(800)
    only = FairValueGapsParams(fair_value_gap=FairValueGapParams(timeframes=("M5",), capacity=500))
    found = fair_value_gaps(information_bars=given, **reference, params=only)
    three = given.with_columns(high_2=pl.col("high").shift(2), low_2=pl.col("low").shift(2))
    up = three.slice(14).filter(pl.col("low") > pl.col("high_2"))
    down = three.slice(14).filter(pl.col("high") < pl.col("low_2"))
    for direction, expected, top, bottom in (("bullish", up, "low", "high_2"), ("bearish", down, "low_2", "high")):
        gaps = found.filter(pl.col("direction") == direction)
        assert gaps["ts_created"].to_list() == expected["ts_close"].to_list()
        assert gaps["top"].to_list() == expected[top].to_list()
        assert gaps["bottom"].to_list() == expected[bottom].to_list()
        assert gaps["number"].to_list() == list(range(1, gaps.height + 1))
        for row in gaps.iter_rows(named=True):
            after = given.filter(pl.col("ts_close") > row["ts_created"])
            sign = 1 if direction == "bullish" else -1
            reach = after["low"] if sign == 1 else after["high"]
            near, far = (row["top"], row["bottom"])[::sign]
            touched = after.filter(sign * reach < sign * near)["ts_close"]
            filled = after.filter(sign * reach <= sign * far)
            assert row["ts_touched"] == (touched[0] if len(touched) else None)
            assert row["ts_filled"] == (filled["ts_close"][0] if filled.height else None)
            is_inverted = filled.height > 0 and sign * filled["close"][0] < sign * far
            assert row["ts_inverted"] == (filled["ts_close"][0] if is_inverted else None)


@pytest.mark.parametrize("n", [400, 2_500, 5_000])
def test_gaps_as_of_a_time_are_what_the_data_until_then_give(bars, reference, n):
    given = bars()
    whole = fair_value_gaps(information_bars=given, **reference, params=GAPS)
    ended = fair_value_gaps(information_bars=given.head(n), **reference, params=GAPS)
    assert_frame_equal(as_of(whole, given["ts_close"][n - 1], "ts_created", LATER), ended, check_exact=True)


@pytest.mark.parametrize("n", [30, 400, 1_111, 2_500])
def test_regimes_as_of_a_time_are_what_the_data_until_then_give(bars, n):
    given = bars(3_000)
    whole = regimes(information_bars=given, params=REGIMES)
    ended = regimes(information_bars=given.head(n), params=REGIMES)
    seen = as_of(whole, given["ts_close"][n - 1], "ts_start", ("ts_end",))
    seen = seen.with_columns(pl.when(pl.col("ts_end").is_not_null()).then("n_bars").alias("n_bars"))
    assert_frame_equal(seen, ended, check_exact=True)


def test_regimes_follow_one_another_and_are_those_of_the_feature(bars):
    given = bars(3_000)
    found = regimes(information_bars=given, params=REGIMES)
    spec(Regimes).schema.validate(found)
    assert found["ts_start"][0] == given["ts_close"][0]
    assert found["regime"][0] == "undefined"
    assert found["ts_end"][:-1].to_list() == found["ts_start"][1:].to_list()
    assert found["ts_end"][-1] is None
    assert (found["regime"][1:] != found["regime"][:-1]).all()
    engine = Engine([market_regime(REGIMES.market_regime)])
    streams = given_streams(given, spec(Sessions).empty(), spec(TickersDim).empty())
    codes = engine.fold(streams, engine.start())[0][:, 0]
    names = {1.0: "trend_up", -1.0: "trend_down", 0.0: "range"}
    named = given.select("ts_close").with_columns(code=pl.Series([names.get(code, "undefined") for code in codes]))
    joined = named.join_asof(found, left_on="ts_close", right_on="ts_start")
    assert joined["code"].to_list() == joined["regime"].to_list()
    assert (
        found["n_bars"][:-1].to_list() == joined.group_by("ts_start", maintain_order=True).len()["len"][:-1].to_list()
    )
    assert set(found["regime"]) == {"trend_up", "trend_down", "range", "undefined"}


@pytest.mark.parametrize("made", [(fair_value_gaps, GAPS), (regimes, REGIMES)], ids=["gaps", "regimes"])
def test_series_do_not_mix_and_nothing_in_nothing_out(bars, reference, made):
    stage, params = made
    names = {table.table for table in stage.reads}
    other = {name: table for name, table in reference.items() if name in names}
    one, two = bars(900, 1), bars(900, 2, ticker="Y")
    both = pl.concat([two, one, bars(900, 3, bar_spec="time_1h")]).sample(fraction=1.0, shuffle=True, seed=3)
    copy = both.clone()
    chosen = params.model_copy(update={"bar_specs": ("time_5m",)})
    found = stage(information_bars=both, **other, params=chosen)
    parts = [stage(information_bars=part, **other, params=params) for part in (one, two)]
    assert_frame_equal(found, pl.concat(parts), check_exact=True)
    assert all(part.height for part in parts)
    assert_frame_equal(both, copy)
    empty = stage(information_bars=one.clear(), **other, params=params)
    assert empty.is_empty()
    assert empty.schema == stage.writes[0].polars_schema
