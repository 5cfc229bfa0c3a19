import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.errors import DataError, ParamsError
from tsis.core.table import spec
from tsis.signals.regime_thresholds import Thresholds
from tsis.signals.setups import SetupsParams, StrategyParams, setups
from tsis.signals.sizing import AveragedSizing, BudgetSizing, DynamicSizing
from tsis.signals.strategy_params import SeriesOf
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.regimes import Regimes
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.ensemble_predictions import EnsemblePredictions
from tsis.tables.signals.predictions import Predictions
from tsis.tables.signals.setups import Setups

T0 = datetime(2020, 1, 6, 21, tzinfo=UTC)
EASY = Thresholds(direction=-1.0, magnitude_frac=-1.0, confidence=0.5)
STRATEGY = StrategyParams(
    pt=2.0, sl=1.0, max_seconds=86_400.0, round_trip_cost_bps=5.0, needs_regime=False, thresholds=EASY
)
PARAMS = SetupsParams(strategies={"m": STRATEGY})


@pytest.fixture
def inputs(frame):
    """Two events of X: long at probability 0.7, short at 0.6; volatility 1 %, close 100."""

    def build(
        probability=(0.7, 0.6), target=0.01, price_factor=1.0, split="walk_forward", tick_size=0.01, regimes=(), ends=()
    ):
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
            "ensemble_predictions": spec(EnsemblePredictions).empty(),
            "events": frame(Events, kind="cusum", t0=t0, side=[1, -1], target=target, **key),
            "event_features": frame(EventFeatures, t0=t0, side=[1, -1], **key),
            "triple_barrier": frame(
                TripleBarrier, t0=t0[: len(ends)], t1=list(ends), **{**key, "ticker": ["X"] * len(ends)}
            ),
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
            "tickers_dim": frame(TickersDim, ticker=["X"], tick_size=tick_size, asset_class="equity"),
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


def test_a_trailing_stop_is_a_multiple_of_the_events_volatility(inputs):
    given = inputs()
    trailing = SetupsParams(strategies={"m": PARAMS.strategies["m"].model_copy(update={"trail": 1.5})})
    found = setups(**given, params=trailing)
    targets = found.join(given["events"], on=["ticker", "bar_spec", "t0", "seq"], maintain_order="left")["target"]
    assert found["trail_frac"].to_list() == pytest.approx((1.5 * targets).to_list())
    assert setups(**given, params=PARAMS)["trail_frac"].null_count() == found.height
    with pytest.raises(ValidationError, match="greater than 0"):
        StrategyParams(pt=2.0, sl=1.0, trail=0.0, max_bars=15, round_trip_cost_bps=5.0)


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
    heeds = SetupsParams(strategies={"m": STRATEGY.model_copy(update={"needs_regime": True, "min_bars": 0})})
    found = setups(**inputs(regimes=regimes), params=heeds)
    assert (found["action"] == "HOLD").to_list() == is_held
    assert found["reason"].to_list() == ["regime undefined" if held else "" for held in is_held]
    assert [json.loads(text)["regime_defined"] for text in found["checklist"]] == [not held for held in is_held]
    assert StrategyParams(pt=2.0, sl=1.0, max_bars=15, round_trip_cost_bps=5.0).needs_regime
    other = setups(**inputs(regimes=regimes), params=PARAMS)
    assert other["action"].to_list() == ["ENTRY_ARMED"] * 2


def armed(inputs, regime, **given):
    strategy = STRATEGY.model_copy(update={"needs_regime": True, "min_bars": 0, "thresholds": Thresholds()} | given)
    found = setups(**inputs(regimes=[(T0 - DAY, 0, regime)]), params=SetupsParams(strategies={"m": strategy}))
    spec(Setups).schema.validate(found)
    assert set(found["regime"]) == {regime}
    return found


def test_what_a_prediction_must_reach_by_default(inputs):
    # the figures: 2 p - 1 >= 0.3 and max(p, 1 - p) >= 0.6, so p >= 0.65; an expected return of a basis point
    assert Thresholds().model_dump() == {"direction": 0.3, "magnitude_frac": 0.0001, "confidence": 0.6}
    found = armed(inputs, "range")  # p = 0.7 and 0.6
    assert found["action"].to_list() == ["ENTRY_ARMED", "HOLD"]
    assert found["reason"].to_list() == ["", "direction below the threshold"]
    # pt 2, sl 1, target 1 %
    assert found["expected_return_frac"].to_list() == pytest.approx([0.7 * 0.02 - 0.3 * 0.01, 0.6 * 0.02 - 0.4 * 0.01])


@pytest.mark.parametrize(
    ("given", "rule", "reason"),
    [
        ({"direction": 0.5}, "direction_reached", "direction below the threshold"),
        ({"magnitude_frac": 0.02}, "magnitude_reached", "expected return below the threshold"),
        ({"confidence": 0.8}, "confidence_reached", "confidence below the threshold"),
    ],
)
def test_each_regime_has_thresholds_of_its_own(inputs, given, rule, reason):
    strict = {"trend_up": EASY.model_copy(update=given)}
    found = armed(inputs, "trend_up", thresholds=EASY, regimes=strict)
    assert found["reason"].to_list() == [reason, reason]
    assert json.loads(found["checklist"][0])[rule] is False
    assert armed(inputs, "trend_down", thresholds=EASY, regimes=strict)["action"].to_list() == ["ENTRY_ARMED"] * 2


def test_a_lean_to_the_other_side_is_no_lean_to_turn_round(inputs):
    sure = EASY.model_copy(update={"direction": 0.3, "confidence": 0.6})
    strategy = STRATEGY.model_copy(update={"thresholds": sure, "min_probability": 0.0})
    found = setups(**inputs(probability=(0.05, 0.95)), params=SetupsParams(strategies={"m": strategy}))
    assert found["reason"].to_list() == ["direction below the threshold; bet rounds to zero", ""]
    assert found["side"].to_list() == [1, -1]


def test_fewer_than_fifty_bars_hold_back(inputs, frame):
    heeds = SetupsParams(strategies={"m": STRATEGY.model_copy(update={"needs_regime": True})})
    given = inputs(regimes=[(T0 - 100 * DAY, 0, "range")])
    assert setups(**given, params=heeds)["reason"].to_list() == ["fewer than 50 bars"] * 2
    # 48 bars before the first event: it is the 49th, the second the 50th; what follows does not count
    key = {"ticker": "X", "bar_spec": "time_1d", "seq": 0, "close": 100.0, "high": 100.0}
    other = [frame(InformationBars, ts_close=[T0 + (i - 48) * DAY for i in range(48)], **key)]
    other.append(frame(InformationBars, ts_close=[T0 + i * DAY for i in range(2, 90)], **key))
    given["information_bars"] = pl.concat([given["information_bars"], *other])
    found = setups(**given, params=heeds)
    assert found["action"].to_list() == ["HOLD", "ENTRY_ARMED"]
    assert json.loads(found["checklist"][0])["enough_bars"] is False
    free = SetupsParams(strategies={"m": STRATEGY})
    assert setups(**inputs(), params=free)["action"].to_list() == ["ENTRY_ARMED"] * 2


def test_later_regimes_and_bars_change_no_earlier_setup(inputs, frame):
    heeds = SetupsParams(strategies={"m": STRATEGY.model_copy(update={"needs_regime": True, "min_bars": 1})})
    given = inputs(regimes=[(T0 - DAY, 0, "range"), (T0 + DAY, 0, "trend_up")])
    changed = inputs(regimes=[(T0 - DAY, 0, "range"), (T0 + DAY, 0, "undefined")], probability=(0.7, 0.1))
    later = pl.col("t0") > T0
    one, other = (setups(**rows, params=heeds) for rows in (given, changed))
    assert_frame_equal(one.filter(~later), other.filter(~later))
    assert one.filter(later)["action"].to_list() != other.filter(later)["action"].to_list()


def test_the_regime_of_another_series_does_not_count(inputs):
    given = inputs(regimes=[(T0 - DAY, 0, "trend_up")])
    given["regimes"] = given["regimes"].with_columns(bar_spec=pl.lit("time_1h"))
    heeds = SetupsParams(strategies={"m": STRATEGY.model_copy(update={"needs_regime": True, "min_bars": 0})})
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


def sized(inputs, rule, **given):
    strategy = STRATEGY.model_copy(update={"sizing": rule})
    return setups(**inputs(**given), params=SetupsParams(strategies={"m": strategy}, bet_step_frac=0.01))


def test_a_bet_that_is_over_makes_room(inputs):
    # long at 0.7 (0.34), and a day later short at 0.6 (0.16): while both are active the average lies on the long side
    alone = setups(**inputs(), params=SetupsParams(strategies={"m": STRATEGY}, bet_step_frac=0.01))
    assert alone["bet_size"].to_list() == pytest.approx([0.34, 0.16])
    both = sized(inputs, AveragedSizing())
    assert both["bet_size"].to_list() == pytest.approx([0.34, 0.0])
    assert both["reason"].to_list() == ["", "bet rounds to zero"]
    over = sized(inputs, AveragedSizing(), ends=[T0 + DAY])
    assert over["bet_size"].to_list() == pytest.approx([0.34, 0.16])


def test_a_bet_that_is_held_back_takes_no_room(inputs):
    found = sized(inputs, AveragedSizing(), probability=(0.45, 0.6))
    assert found["bet_size"].to_list() == pytest.approx([0.0, 0.16])


def test_the_dynamic_rule_gives_a_limit_price(inputs):
    found = sized(inputs, DynamicSizing(), probability=(0.7, 0.1))
    spec(Setups).schema.validate(found)
    # 0.7 * 2 - 0.3 = 1.1 targets: 1.1 / sqrt(3 + 1.21) = 0.536
    assert found["bet_size"].to_list() == [0.53, 0.0]
    assert 100.0 < found["limit_price"][0] < 101.1
    assert found["limit_price"][1] is None
    assert found["reason"][1].endswith("bet rounds to zero")


def test_an_ensemble_is_traded_as_a_model_is(inputs):
    given = inputs()
    said = given["predictions"].with_columns(
        model=pl.lit("both"), model_version=pl.lit("v"), n_past=0, members=pl.lit("{}")
    )
    columns = spec(EnsemblePredictions).polars_schema
    given["ensemble_predictions"] = said.select(pl.col(name).cast(kind) for name, kind in columns.items())
    found = setups(**given, params=SetupsParams(strategies={"m": STRATEGY, "both": STRATEGY}))
    names = ["session_id", "signal_id", "model", "model_version"]
    of_ensemble, of_model = (found.filter(pl.col("model") == name) for name in ("both", "m"))
    assert of_ensemble["session_id"].to_list() == ["backtest:both"] * 2
    assert_frame_equal(of_ensemble.drop(names), of_model.drop(names))
    with pytest.raises(ParamsError, match=r"setups\.strategies has no entry for both"):
        setups(**given, params=PARAMS)


OF_X = SeriesOf(asset_class="equity", bar_spec="time_1d")


def answered(given, **strategy):
    chosen = STRATEGY.model_copy(update={"series": OF_X} | strategy)
    found = setups(**given, params=SetupsParams(strategies={"m": chosen}))
    return spec(Setups).schema.validate(found)


def test_no_model_at_all_is_hold_with_the_reason(inputs):
    given = inputs()
    given["predictions"] = given["predictions"].clear()
    found = answered(given)
    assert found["action"].to_list() == ["HOLD", "HOLD"]
    assert found["reason"].to_list() == ["no prediction: no model fitted by then"] * 2
    nothing = {"ml_score": None, "model_version": None, "expected_return_frac": None, "bet_size": 0.0}
    assert found.select(nothing.keys()).unique().row(0, named=True) == nothing
    assert json.loads(found["checklist"][0])["predicted"] is False
    assert found["signal_id"][0] == "m:X:time_1d:20200106T210000.000000Z:0"
    # who does not say which series the model is for decides on predictions alone
    assert setups(**given, params=PARAMS).is_empty()


def test_events_before_the_first_fit_are_hold_and_others_stay(inputs):
    given = inputs()
    whole = answered(given)
    assert_frame_equal(whole, setups(**given, params=PARAMS))
    given["predictions"] = given["predictions"].filter(pl.col("t0") > T0)
    found = answered(given)
    assert found["action"].to_list() == ["HOLD", "ENTRY_ARMED"]
    assert_frame_equal(found[1:], whole[1:])


@pytest.mark.parametrize("sizing", [AveragedSizing(), DynamicSizing(), BudgetSizing(most_long=2, most_short=2)])
def test_what_is_not_predicted_has_no_size(inputs, sizing):
    given = inputs()
    given["predictions"] = given["predictions"].filter(pl.col("t0") > T0)
    found = answered(given, sizing=sizing)
    assert found["bet_size"][0] == 0.0
    assert found["bet_size"][1] > 0.0


def test_events_of_other_series_and_without_a_side_are_nobodys(inputs, frame):
    given = inputs()
    given["predictions"] = given["predictions"].clear()
    given["events"] = given["events"].with_columns(side=pl.Series([None, -1], dtype=pl.Int8))
    assert answered(given)["t0"].to_list() == [T0 + DAY]
    assert answered(given, series=SeriesOf(asset_class="equity", bar_spec="time_1h")).is_empty()
    assert answered(given, series=SeriesOf(asset_class="fx", bar_spec="time_1d")).is_empty()


def test_missing_features_are_hold_and_no_prediction_is_made_of_nothing(inputs):
    given = inputs()
    given["event_features"] = given["event_features"].with_columns(
        a=pl.Series([1.0, None]), b=pl.Series([None, None], dtype=pl.Float64), c=pl.Series([1.0, 1.0])
    )
    found = answered(given)
    assert found["action"].to_list() == ["ENTRY_ARMED", "HOLD"]
    assert found["reason"].to_list() == ["", "features missing"]
    assert answered(given, max_missing_frac=0.7)["action"].to_list() == ["ENTRY_ARMED"] * 2
    # before the features are warm there is no row, and no prediction either
    given["event_features"] = given["event_features"].filter(pl.col("t0") > T0)
    given["predictions"] = given["predictions"].filter(pl.col("t0") > T0)
    cold = answered(given, max_missing_frac=1.0)
    assert cold["reason"].to_list() == ["features missing; no prediction: no model fitted by then", ""]
