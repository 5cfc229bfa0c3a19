"""Law 2 over every stage that works ticker by ticker, column by column.

What a stage says about a time must be the same whether the data end there or go on.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.runtime.dag import stages
from tsis.runtime.params import read_params
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.workspace import open_lake

STAGES = {name: stage for name, stage in stages().items() if stage.by == "ticker"}
RULES = {"trend": {"kind": "sma_cross"}, "turn": {"kind": "rsi_reversal"}}
ASKED = {"series": {"equity": {"time_1d": {"strategies": RULES}}, "future": {"dollar_70M": {"strategies": RULES}}}}
PARAMS = read_params(REPOSITORY / "params.yaml", stages())
# the demo asks no rule for its side
PARAMS |= {"strategy_sides": STAGES["strategy_sides"].params.model_validate(ASKED)}
KNOWN_FROM = {
    "raw.trades": "known_at",
    "raw.quotes": "known_at",
    "raw.ohlcv_1m": "known_at",
    "raw.ohlcv_1h": "known_at",
    "raw.ohlcv_daily": "known_at",
    "reference.corporate_actions": "known_at",
    "processed_features.daily_cache": "ts_close",
    "processed_features.futures_roll": "held_from",
    "processed_features.information_bars": "ts_close",
    "processed_features.bar_microstructure": "ts_close",
    "processed_features.features": "ts_close",
    "processed_features.session_coverage": "ts_close",
    "processed_features.structural_breaks": "ts_close",
    "processed_features.entropy": "ts_close",
    "processed_features.fair_value_gaps": "ts_created",
    "processed_features.regimes": "ts_start",
    "labeling.events": "t0",
    "labeling.strategy_sides": "t0",
    "labeling.triple_barrier": "t1",
    "labeling.meta_labels": "t1",
    "labeling.fixed_horizon": "t1",
    "labeling.trend_scanning": "t1",
    "labeling.sample_weights": "t1",
    "ml_dataset.dataset": "t1",
    "ml_dataset.event_features": "t0",
}
"""Column of each table that says from when a row is known; reference.tickers_dim and sessions are there in advance."""

KNOWN_LATER = {
    "processed_features.fair_value_gaps": {
        name: name for name in ("ts_touched", "ts_filled", "ts_inverted", "ts_dropped")
    },
    "processed_features.regimes": {"ts_end": "ts_end", "n_bars": "ts_end"},
}
"""Columns of a row that become known after it: to the column that says when; null until then."""


def inputs_of(stage, lake, ticker):
    found = {}
    for spec in stage.reads:
        rows = lake.scan(spec.name).collect().sort(spec.key)
        if "ticker" in rows.columns:
            rows = rows.filter(pl.col("ticker") == ticker)
        found[spec.table] = rows.head(60_000) if spec.table == "trades" else rows
    return found


def known_at(name, rows, moment):
    column = KNOWN_FROM.get(name)
    if column is None:
        return rows
    later = KNOWN_LATER.get(name, {})
    told = [pl.when(pl.col(since) <= moment).then(value).alias(value) for value, since in later.items()]
    return rows.filter(pl.col(column) <= moment).with_columns(told)


def look_ahead(stage, params, inputs, fraction):
    """Return the columns of each output that differ between the data that end and the data that go on."""
    whole, _ = stage.frames(inputs, params)
    moments = pl.concat(
        rows[KNOWN_FROM[spec.name]]
        for spec, rows in zip(stage.reads, (inputs[s.table] for s in stage.reads), strict=True)
        if spec.name in KNOWN_FROM
    ).sort()
    if moments.is_empty():
        return 0, []
    moment = moments[int(fraction * (len(moments) - 1))]
    ended, _ = stage.frames({s.table: known_at(s.name, inputs[s.table], moment) for s in stage.reads}, params)
    different, compared = [], 0
    for spec, go_on, end in zip(stage.writes, whole, ended, strict=True):
        expected, actual = (known_at(spec.name, rows, moment) for rows in (go_on, end))
        compared += expected.height
        try:
            assert_frame_equal(expected.sort(spec.key), actual.sort(spec.key), check_exact=True)
        except AssertionError as error:
            different.append(f"{spec.name}: {error}")
    return compared, different


@pytest.mark.parametrize("fraction", [0.35, 0.6, 0.9])
@pytest.mark.parametrize("name", STAGES)
def test_no_stage_looks_ahead(name, fraction, demo_lake):
    stage = STAGES[name]
    compared = 0
    for ticker in ("ES", "IBM", "EURUSD"):
        n, different = look_ahead(stage, PARAMS[name], inputs_of(stage, open_lake(demo_lake), ticker), fraction)
        assert not different, f"{ticker}: {different[0]}"
        compared += n
    assert compared > 0


def test_a_planted_look_ahead_is_caught(demo_lake):
    """The same test must fail for a stage that shifts one column by one row from the future."""
    honest = STAGES["features"]

    def cheating(params, state, until, **tables):
        rows, after = honest(**tables, params=params, state=state, until=until)
        return rows.with_columns(pl.col(rows.columns[-1]).shift(-1).over("bar_spec")), after

    planted = replace(honest, function=cheating)
    inputs = inputs_of(honest, open_lake(demo_lake), "IBM")
    compared, different = look_ahead(planted, PARAMS["features"], inputs, 0.6)
    assert compared > 0
    assert different
