"""Law 2 over the stages that see all tickers at once and make signals.

What a model says of an event, and what is proposed on it, must be there at t0 and stay the same whatever comes later.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.models.fold_fracdiff import FoldFracdiff
from tsis.models.fractional_params import FractionalParams
from tsis.models.predictions import PredictionsParams
from tsis.runtime.dag import stages
from tsis.runtime.params import read_params
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.workspace import open_lake

STAGES = stages()
PARAMS = read_params(REPOSITORY / "params.yaml", STAGES)
MODELS = {
    name: model.model_copy(update={"fractional": model.fractional or FractionalParams()})
    for name, model in PARAMS["predictions"].models.items()
}
"""As params.yaml has them, and each with an order of differentiation that is learnt on its training windows."""
KNOWN_FROM = {
    "dataset": "t1",
    "event_features": "t0",
    "predictions": "t0",
    "events": "t0",
    "information_bars": "ts_close",
    "regimes": "ts_start",
    "triple_barrier": "t1",
    "ensemble_predictions": "t0",
    "strategy_sides": "t0",
    "meta_labels": "t1",
    "features": "ts_close",
}
"""Column of each table that says from when a row is known; tickers_dim selects classes and ticks only."""
KEY = ["ticker", "bar_spec", "t0", "seq"]


def inputs_of(stage, lake, bar_spec):
    """Return what the stage reads, of the series on these bars."""
    found = {}
    for spec in stage.reads:
        rows = lake.scan(spec.name)
        if "bar_spec" in spec.columns:
            rows = rows.filter(pl.col("bar_spec") == bar_spec)
        found[spec.table] = rows.collect().sort(spec.key)
    return found


def known_at(inputs, moment):
    return {
        name: rows.filter(pl.col(KNOWN_FROM[name]) <= moment) if name in KNOWN_FROM else rows
        for name, rows in inputs.items()
    }


def walk_forward(stage, inputs, model):
    found = stage(**inputs, params=PredictionsParams(models={model: MODELS[model]}))
    return found[0].filter(pl.col("split") == "walk_forward")


def moments_of(made):
    """Return the first prediction, the last one, and those at and about a refit in between, each time once."""
    times, folds = (made.sort("t0", "ticker", "seq")[name] for name in ("t0", "fold"))
    n = len(times)
    refit = int(folds.search_sorted(folds[n // 2], side="left"))
    numbers = {0, n // 5, max(refit - 1, 0), refit, n // 2, n - 2, n - 1}
    return sorted({times[number] for number in numbers})


def look_ahead(stage, inputs, model, skip=0):
    """Return how many predictions were compared, how many of open events, and what differs at which moment.

    The first `skip` moments are left out.
    """
    whole = walk_forward(stage, inputs, model)
    compared, n_open, different = 0, 0, []
    for moment in moments_of(whole)[skip:]:
        then = known_at(inputs, moment)
        expected, actual = whole.filter(pl.col("t0") <= moment), walk_forward(stage, then, model)
        compared += expected.height
        n_open += actual.join(then["dataset"], on=KEY, how="anti").height
        try:
            assert_frame_equal(expected, actual, check_exact=True)
        except AssertionError as error:
            different.append(f"{moment}: {error}")
    return compared, n_open, different


@pytest.mark.parametrize("model", MODELS)
def test_every_prediction_is_there_at_t0_and_stays(model, demo_lake):
    stage = STAGES["predictions"]
    inputs = inputs_of(stage, open_lake(demo_lake), MODELS[model].bar_spec)
    compared, n_open, different = look_ahead(stage, inputs, model)
    assert not different, different[0]
    assert compared > 0
    assert n_open > 0


@pytest.mark.parametrize("model", MODELS)
def test_every_event_past_the_first_prediction_is_predicted(model, demo_lake):
    """Also those whose window is still open where the data end."""
    stage = STAGES["predictions"]
    inputs = inputs_of(stage, open_lake(demo_lake), MODELS[model].bar_spec)
    made = walk_forward(stage, inputs, model)
    of_class = inputs["tickers_dim"].filter(pl.col("asset_class") == MODELS[model].asset_class)["ticker"]
    asked = inputs["event_features"].filter(pl.col("ticker").is_in(of_class.implode()), pl.col("t0") > made["t0"].min())
    assert asked.join(made, on=KEY, how="anti").is_empty()
    assert made.filter(pl.col("t0") > made["t0"].min()).height == asked.height


def test_predicting_only_what_was_labelled_later_is_caught(demo_lake):
    """The same test must fail for blocks made of labelled events alone."""
    honest = STAGES["predictions"]

    def cheating(dataset, event_features, information_bars, tickers_dim, params):
        labelled = event_features.join(dataset, on=KEY, how="semi")
        return honest(dataset, labelled, information_bars, tickers_dim, params)

    planted = replace(honest, function=cheating)
    inputs = inputs_of(honest, open_lake(demo_lake), MODELS["us_daily"].bar_spec)
    compared, _, different = look_ahead(planted, inputs, "us_daily", skip=1)
    assert compared > 0
    assert different


@pytest.mark.parametrize("model", MODELS)
def test_bars_after_a_training_window_change_no_earlier_refit_and_no_earlier_prediction(model, demo_lake):
    stage = STAGES["predictions"]
    inputs = inputs_of(stage, open_lake(demo_lake), MODELS[model].bar_spec)
    params = PredictionsParams(models={model: MODELS[model]})
    made, fits = stage(**inputs, params=params)[:2]
    refits = fits.filter(pl.col("split") == "walk_forward").sort("fold")
    bars = inputs["information_bars"]
    wild = pl.Series(np.exp(np.random.default_rng(1).normal(size=bars.height)))
    for fold in sorted({0, refits.height // 2, refits.height - 1}):
        moment = refits["trained_to"][fold]
        factor = pl.when(pl.col("ts_close") > moment).then(wild).otherwise(1.0)
        changed = bars.with_columns(pl.col("open", "high", "low", "close") * factor)
        found, others = stage(**inputs | {"information_bars": changed}, params=params)[:2]
        known = (pl.col("split") == "walk_forward") & (pl.col("fold") <= fold)
        assert_frame_equal(fits.filter(known), others.filter(known), check_exact=True)
        assert fits.filter(known).height == fold + 1
        then = (pl.col("split") == "walk_forward") & (pl.col("t0") <= moment)
        assert_frame_equal(made.filter(then), found.filter(then), check_exact=True)
        assert not made.equals(found)


def test_an_order_that_is_learnt_on_later_bars_is_caught(demo_lake, monkeypatch):
    honest = FoldFracdiff.learn
    monkeypatch.setattr(FoldFracdiff, "learn", lambda self, train, test: honest(self, test, test[-1:] + 1))
    stage = STAGES["predictions"]
    inputs = inputs_of(stage, open_lake(demo_lake), MODELS["fx_hourly"].bar_spec)
    compared, _, different = look_ahead(stage, inputs, "fx_hourly", skip=1)
    assert compared > 0
    assert different


@pytest.mark.parametrize("model", MODELS)
def test_every_setup_is_there_at_t0_and_stays(model, demo_lake):
    stage, lake = STAGES["setups"], open_lake(demo_lake)
    inputs = inputs_of(stage, lake, MODELS[model].bar_spec)
    inputs["predictions"] = inputs["predictions"].filter(pl.col("model") == model)
    whole = stage(**inputs, params=PARAMS["setups"])
    chosen = inputs["predictions"].filter(pl.col("split") == "walk_forward")
    assert whole["ml_score"].is_not_null().sum() == chosen.height > 0
    for moment in moments_of(chosen):
        actual = stage(**known_at(inputs, moment), params=PARAMS["setups"])
        assert_frame_equal(whole.filter(pl.col("ts") <= moment), actual, check_exact=True)
        assert actual.height > 0


SIZINGS = ({"kind": "averaged"}, {"kind": "budget", "most_long": 4, "most_short": 4}, {"kind": "dynamic"})


@pytest.mark.parametrize("sizing", SIZINGS, ids=lambda sizing: sizing["kind"])
def test_every_size_is_there_at_t0_and_stays(sizing, demo_lake):
    stage, model = STAGES["setups"], "us_daily"
    inputs = inputs_of(stage, open_lake(demo_lake), MODELS[model].bar_spec)
    given = PARAMS["setups"].strategies[model].model_dump() | {"sizing": sizing}
    params = stage.params.model_validate({"strategies": {model: given}})
    whole = stage(**inputs, params=params)
    assert whole["bet_size"].n_unique() > 3
    for moment in sorted({whole["ts"][whole.height * part // 7] for part in range(7)}):
        actual = stage(**known_at(inputs, moment), params=params)
        assert_frame_equal(whole.filter(pl.col("ts") <= moment), actual, check_exact=True)


RULES = ("voting", "performance_weighted", "confidence_weighted", "best_performer")


@pytest.mark.parametrize("rule", RULES)
def test_every_decision_of_an_ensemble_is_there_at_t0_and_stays(rule, demo_lake):
    stage, sides = STAGES["ensemble_predictions"], STAGES["strategy_sides"]
    lake, model = open_lake(demo_lake), "us_daily"
    bars = inputs_of(sides, lake, MODELS[model].bar_spec)
    rules = {"trend": {"kind": "sma_cross"}, "turn": {"kind": "rsi_reversal"}}
    asked = sides.params.model_validate({"series": {"equity": {"time_1d": {"strategies": rules}}}})
    inputs = inputs_of(stage, lake, MODELS[model].bar_spec) | {"strategy_sides": sides(**bars, params=asked)}
    ensemble = {"members": [model], "strategies": list(rules), "rule": {"kind": rule}}
    params = stage.params.model_validate({"ensembles": {"all": ensemble}})
    whole = stage(**inputs, params=params)
    assert whole.height == inputs["predictions"].filter(pl.col("split") == "walk_forward").height > 100
    for moment in sorted({whole.sort("t0")["t0"][whole.height * part // 7] for part in range(7)}):
        known = known_at(inputs, moment) | {"strategy_sides": sides(**known_at(bars, moment), params=asked)}
        actual = stage(**known, params=params)
        assert_frame_equal(whole.filter(pl.col("t0") <= moment), actual, check_exact=True)


def panel_look_ahead(stage, lake):
    """Return how many rows of panel_features were compared, and at which moments some differ."""
    inputs = inputs_of(stage, lake, "time_1d")
    whole = stage(**inputs, params=PARAMS["panel_features"])
    moments = whole["ts_close"].unique().sort()
    compared, different = 0, []
    for moment in (moments[len(moments) // 7], moments[len(moments) // 2], moments[-2]):
        expected = whole.filter(pl.col("ts_close") <= moment)
        compared += expected.height
        try:
            assert_frame_equal(
                expected, stage(**known_at(inputs, moment), params=PARAMS["panel_features"]), check_exact=True
            )
        except AssertionError as error:
            different.append(f"{moment}: {error}")
    return compared, different


def test_every_rank_is_there_at_its_close_and_stays(demo_lake):
    compared, different = panel_look_ahead(STAGES["panel_features"], open_lake(demo_lake))
    assert not different, different[0]
    assert compared > 0


def test_ranks_over_the_whole_sample_are_caught(demo_lake):
    """The same test must fail for a z-score that a later session moves."""
    honest = STAGES["panel_features"]

    def cheating(features, sessions, tickers_dim, params):
        made = honest(features=features, sessions=sessions, tickers_dim=tickers_dim, params=params)
        return made.with_columns(pl.col(made.columns[-1]) - pl.col(made.columns[-1]).mean())

    compared, different = panel_look_ahead(replace(honest, function=cheating), open_lake(demo_lake))
    assert compared > 0
    assert different
