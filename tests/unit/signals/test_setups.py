import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.errors import DataError, ParamsError
from tsis.core.table import spec
from tsis.signals.setups import SetupsParams, StrategyParams, setups
from tsis.tables.labeling.events import Events
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.regimes import Regimes
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.predictions import Predictions
from tsis.tables.signals.setups import Setups

T0 = datetime(2020, 1, 6, 21, tzinfo=UTC)
STRATEGY = StrategyParams(pt=2.0, sl=1.0, max_seconds=86_400.0, round_trip_cost_bps=5.0, needs_regime=False)
PARAMS = SetupsParams(strategies={"m": STRATEGY})


@pytest.fixture
def inputs(frame):
    """Two events of X: long at probability 0.7, short at 0.6; volatility 1 %, close 100."""

    def build(probability=(0.7, 0.6), target=0.01, price_factor=1.0, split="walk_forward", tick_size=0.01, regimes=()):
        t0 = [T0, T0 + timedelta(days=1)]
        key = {"ticker": ["X", "X"], "bar_spec": "time_1d", "seq": 0}
        return {
            "predictions": frame(
                Predictions,
                model="m",
                split=split,
                t0=t0,
                predicted_at=t0,
                side=[1, -1],
                probability=list(probability),
                **key,
            ),
            "events": frame(Events, kind="cusum", t0=t0, side=[1, -1], target=target, **key),
            "information_bars": frame(
                InformationBars, ts_close=t0, close=100.0, high=100.0, price_factor=price_factor, **key
            ),
            "regimes": frame(
                Regimes,
                ticker="X",
                bar_spec="time_1d",
                ts_start=[start for start, _, _ in regimes],
                seq=[seq for _, seq, _ in regimes],
                regime=[regime for _, _, regime in regimes],
            ),
            "tickers_dim": frame(TickersDim, ticker=["X"], tick_size=tick_size),
        }

    return build


def test_levels_sizes_and_expiry(inputs):
    found = setups(**inputs(), params=PARAMS)
    spec(Setups).schema.validate(found)
    long, short = found.iter_rows(named=True)
    assert (long["entry"], long["stop"], long["tp1"]) == (100.0, pytest.approx(99.0), pytest.approx(102.0))
    assert (short["stop"], short["tp1"]) == (pytest.approx(101.0), pytest.approx(98.0))
    assert (long["bet_size"], short["bet_size"]) == (pytest.approx(0.3), pytest.approx(0.2))
    assert long["expires_at"] == T0 + timedelta(days=1)
    assert (long["max_bars"], long["action"], long["reason"], long["setup"]) == (None, "ENTRY_ARMED", "", "cusum")
    assert long["signal_id"] == "m:X:time_1d:20200106T210000.000000Z:0"
    assert long["session_id"] == "backtest:m"
    assert set(json.loads(long["checklist"]).values()) == {True}


def test_bars_instead_of_time(inputs):
    bars = StrategyParams(pt=2.0, sl=1.0, max_bars=15, round_trip_cost_bps=5.0, needs_regime=False)
    found = setups(**inputs(), params=SetupsParams(strategies={"m": bars}))
    assert found.select("max_bars", "expires_at").row(0) == (15, None)
    with pytest.raises(ValidationError, match="a position needs an end"):
        StrategyParams(pt=2.0, sl=1.0, round_trip_cost_bps=5.0)


@pytest.mark.parametrize(
    ("given", "rule", "reason"),
    [
        ({"probability": (0.45, 0.3)}, "probability_reached", "probability below the least; bet rounds to zero"),
        ({"probability": (0.51, 0.51)}, "bet_not_zero", "bet rounds to zero"),
        ({"tick_size": 0.6}, "stop_beyond_noise", "stop within a few ticks"),
        ({"price_factor": 80.0}, "stop_beyond_noise", "stop within a few ticks"),
        ({"target": 0.00025}, "target_beyond_cost", "target within the costs"),
    ],
)
def test_a_broken_rule_holds_back_and_says_which(inputs, given, rule, reason):
    for row in setups(**inputs(**given), params=PARAMS).iter_rows(named=True):
        assert (row["action"], row["reason"]) == ("HOLD", reason)
        assert json.loads(row["checklist"])[rule] is False


def test_a_target_below_zero_is_held_back(inputs):
    found = setups(**inputs(target=0.6), params=PARAMS)
    assert found["action"].to_list() == ["ENTRY_ARMED", "HOLD"]
    assert found["reason"][1] == "stop or target not above zero"
    spec(Setups).schema.validate(found)


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("regimes", "is_held"),
    [
        ([], [True, True]),
        ([(T0 - DAY, 0, "undefined"), (T0, 0, "trend_up")], [False, False]),
        ([(T0 - DAY, 0, "trend_up"), (T0, 0, "undefined"), (T0 + DAY, 0, "range")], [True, False]),
        ([(T0 - DAY, 0, "trend_down"), (T0 + DAY, 0, "undefined")], [False, True]),
        # the bar of the event is the first of two that close at its time, the regime changes with the second
        ([(T0 - DAY, 0, "range"), (T0, 1, "undefined")], [False, True]),
    ],
)
def test_an_undefined_regime_holds_back_every_strategy_that_does_not_say_otherwise(inputs, regimes, is_held):
    heeds = SetupsParams(strategies={"m": STRATEGY.model_copy(update={"needs_regime": True})})
    found = setups(**inputs(regimes=regimes), params=heeds)
    assert (found["action"] == "HOLD").to_list() == is_held
    assert found["reason"].to_list() == ["regime undefined" if held else "" for held in is_held]
    assert [json.loads(text)["regime_defined"] for text in found["checklist"]] == [not held for held in is_held]
    assert StrategyParams(pt=2.0, sl=1.0, max_bars=15, round_trip_cost_bps=5.0).needs_regime
    other = setups(**inputs(regimes=regimes), params=PARAMS)
    assert other["action"].to_list() == ["ENTRY_ARMED"] * 2


def test_the_regime_of_another_series_does_not_count(inputs):
    given = inputs(regimes=[(T0 - DAY, 0, "trend_up")])
    given["regimes"] = given["regimes"].with_columns(bar_spec=pl.lit("time_1h"))
    heeds = SetupsParams(strategies={"m": STRATEGY.model_copy(update={"needs_regime": True})})
    assert setups(**given, params=heeds)["reason"].to_list() == ["regime undefined"] * 2


@pytest.mark.parametrize("split", ["cv", "live"])
def test_only_walk_forward_becomes_a_signal(inputs, split):
    assert setups(**inputs(split=split), params=PARAMS).is_empty()


def test_nothing_in_nothing_out():
    found = setups(**{table.table: table.empty() for table in setups.reads}, params=PARAMS)
    assert found.schema == spec(Setups).polars_schema


def test_inputs_stay(inputs):
    given = inputs()
    copies = {name: rows.clone() for name, rows in given.items()}
    setups(**given, params=PARAMS)
    for name, rows in given.items():
        assert_frame_equal(rows, copies[name])


@pytest.mark.parametrize("name", ["events", "information_bars", "tickers_dim"])
def test_orphans_are_named(inputs, name):
    given = inputs()
    given[name] = given[name].clear()
    with pytest.raises(
        DataError, match=rf"2 of 2 predictions have no row in \w+\.{name} \(first: X time_1d 2020-01-06T21"
    ):
        setups(**given, params=PARAMS)


def test_a_model_needs_a_strategy(inputs):
    with pytest.raises(ParamsError, match=r"setups\.strategies has no entry for m"):
        setups(**inputs(), params=SetupsParams(strategies={}))
