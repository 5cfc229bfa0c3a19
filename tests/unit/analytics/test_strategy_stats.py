from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.analytics.sharpe import min_track_record_length, probabilistic_sharpe
from tsis.analytics.strategy_stats import StrategyStatsParams, strategy_stats
from tsis.core.table import spec
from tsis.tables.analytics.pnl_daily import PnlDaily
from tsis.tables.analytics.strategy_stats import StrategyStats
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.positions import Positions

TRIAL = pl.Schema(
    {"family": pl.String, "search_index": pl.String, "sharpe_daily": pl.Float64, "n_observations": pl.Int64}
    | {"dates": pl.List(pl.Date), "returns": pl.List(pl.Float64)}
)
T = datetime(2020, 1, 1, tzinfo=UTC)
RETURNS = [0.01, -0.02, 0.0, 0.03, 0.0, -0.01, 0.02, 0.01]


@pytest.fixture
def inputs(frame):
    """Eight days, and trades of +30, -10 in X and -20 in Y, then an open one in X."""
    equity = 10_000 * np.cumprod(1 + np.array(RETURNS))
    pnl = np.diff(equity, prepend=10_000.0)
    realised = [
        ("X", 1.0, -1.0),
        ("X", 0.0, 30.0),
        ("X", 1.0, 29.0),
        ("X", 0.0, 20.0),
        ("Y", -5.0, -2.0),
        ("Y", 0.0, -20.0),
    ]
    realised.append(("X", 1.0, 19.0))
    tickers, qty, total = map(list, zip(*realised, strict=True))
    return {
        "pnl_daily": frame(
            PnlDaily,
            session_id="backtest:s",
            origin="backtest",
            strategy_id="s",
            date=[date(2020, 1, 1) + timedelta(days=i) for i in range(8)],
            equity=equity.tolist(),
            pnl=pnl.tolist(),
            ret_frac=RETURNS,
            turnover=5_000.0,
        ),
        "positions": frame(
            Positions,
            session_id="backtest:s",
            ticker=tickers,
            ts=[T + timedelta(hours=i) for i in range(7)],
            fill_id=[str(i) for i in range(7)],
            qty=qty,
            realised_pnl=total,
        ),
        "fills_log": frame(
            FillsLog,
            session_id=["backtest:s"] * 3 + ["backtest:other"],
            fill_id=["0", "1", "2", "0"],
            volume_frac=[0.02, 0.02, None, 0.9],
        ),
    }


def test_figures_by_hand(inputs):
    stats, trials = strategy_stats(**inputs, params=StrategyStatsParams(periods_a_year_of={"s": 260.0}))
    spec(StrategyStats).schema.validate(stats)
    row = stats.row(0, named=True)
    sharpe = np.mean(RETURNS) / np.std(RETURNS, ddof=1)
    assert row["sharpe_daily"] == pytest.approx(sharpe)
    assert row["sharpe_annual"] == pytest.approx(sharpe * 260**0.5)
    assert row["n_days"] == 8
    assert row["total_return_frac"] == pytest.approx(np.prod(1 + np.array(RETURNS)) - 1)
    assert row["psr_frac"] == probabilistic_sharpe(row["sharpe_daily"], 0.0, 8, row["skew"], row["kurtosis"])
    assert row["min_trl_days"] == min_track_record_length(row["sharpe_daily"], 0.0, 0.95, row["skew"], row["kurtosis"])
    assert row["max_drawdown_frac"] == pytest.approx(0.02)
    assert (row["n_trades"], row["profit_factor"], row["win_rate_frac"]) == (
        3,
        pytest.approx(1.0),
        pytest.approx(1 / 3),
    )
    assert row["expectancy"] == pytest.approx(0.0)
    assert row["turnover_annual"] == pytest.approx(5_000 * 260 / inputs["pnl_daily"]["equity"].mean())
    downside = np.sqrt(np.mean(np.minimum(RETURNS, 0) ** 2))
    growth = np.prod(1 + np.array(RETURNS)) ** (260 / 8) - 1
    assert row["sortino_annual"] == pytest.approx(np.mean(RETURNS) / downside * 260**0.5)
    assert row["annual_return_frac"] == pytest.approx(growth)
    assert row["calmar"] == pytest.approx(growth / 0.02)
    assert row["volatility_annual_frac"] == pytest.approx(np.std(RETURNS, ddof=1) * 260**0.5)
    # days 2 and 3 lie below day 1, day 6 below day 4; day 7 makes up for it
    assert (row["longest_under_water_days"], row["under_water_frac"]) == (2, pytest.approx(3 / 8))
    assert row["var_95_frac"] == pytest.approx(-np.quantile(RETURNS, 0.05))
    assert row["cvar_95_frac"] == pytest.approx(0.02)
    assert (row["payoff_ratio"], row["longest_losing_streak"]) == (pytest.approx(2.0), 2)
    assert (row["exposure_frac"], row["fees"]) == (1.0, 8.0)  # a position in X stays open from the first day on
    assert trials.schema == TRIAL
    assert trials.row(0)[:4] == ("s", "backtest:s", row["sharpe_daily"], 8)
    assert trials["returns"].to_list() == [RETURNS]
    assert trials["dates"].list.len().to_list() == [8]


def test_families_are_named_in_params(inputs):
    params = StrategyStatsParams(family_of={"s": "momentum", "other": "x"})
    assert strategy_stats(**inputs, params=params)[1]["family"].to_list() == ["momentum"]


def test_idle_strategies_have_no_sharpe_but_a_row_and_a_trial(inputs):
    idle = inputs["pnl_daily"].with_columns(
        ret_frac=pl.lit(0.0), pnl=pl.lit(0.0), equity=pl.lit(1e4), turnover=pl.lit(0.0)
    )
    stats, trials = strategy_stats(
        pnl_daily=idle,
        positions=inputs["positions"].clear(),
        fills_log=inputs["fills_log"].clear(),
        params=StrategyStatsParams(),
    )
    spec(StrategyStats).schema.validate(stats)
    row = stats.row(0, named=True)
    for name in (
        "sharpe_daily",
        "sharpe_annual",
        "psr_frac",
        "min_trl_days",
        "profit_factor",
        "win_rate_frac",
        "expectancy",
        "sortino_annual",
        "calmar",
        "payoff_ratio",
    ):
        assert row[name] is None
    assert (row["exposure_frac"], row["under_water_frac"], row["var_95_frac"]) == (0.0, 0.0, 0.0)
    assert (row["n_trades"], row["max_drawdown_frac"], row["turnover_annual"]) == (0, 0.0, 0.0)
    assert trials["sharpe_daily"].to_list() == [None]


def test_days_in_the_market_are_those_between_fills(inputs):
    hours = [5, 30, 75, 76]
    given = (
        inputs["positions"]
        .head(4)
        .with_columns(pl.Series("ts", [T + timedelta(hours=h) for h in hours]).cast(pl.Datetime("us", "UTC")))
    )
    row = strategy_stats(inputs["pnl_daily"], given, inputs["fills_log"], StrategyStatsParams())[0].row(0, named=True)
    assert row["exposure_frac"] == 3 / 8


def test_a_losing_strategy_has_no_track_record_that_would_help(inputs):
    losing = inputs["pnl_daily"].with_columns(-pl.col("ret_frac"))
    row = strategy_stats(losing, inputs["positions"], inputs["fills_log"], StrategyStatsParams())[0].row(0, named=True)
    assert row["min_trl_days"] is None
    assert row["psr_frac"] < 0.5


def test_nothing_in_nothing_out_and_inputs_stay(inputs):
    stats, trials = strategy_stats(
        spec(PnlDaily).empty(), spec(Positions).empty(), spec(FillsLog).empty(), StrategyStatsParams()
    )
    assert stats.schema == spec(StrategyStats).polars_schema
    assert trials.schema == TRIAL
    copies = {name: rows.clone() for name, rows in inputs.items()}
    strategy_stats(**inputs, params=StrategyStatsParams())
    for name, rows in inputs.items():
        assert_frame_equal(rows, copies[name])


def test_capacity_is_where_fills_become_large_for_their_bars(inputs):
    row = strategy_stats(**inputs, params=StrategyStatsParams())[0].row(0, named=True)
    # each fill took 2 % of its bar: half of the equity takes 1 %
    assert row["capacity"] == pytest.approx(inputs["pnl_daily"]["equity"].mean() / 2)
    unknown = inputs["fills_log"].with_columns(volume_frac=pl.lit(None, pl.Float64))
    without = strategy_stats(**{**inputs, "fills_log": unknown}, params=StrategyStatsParams())[0]
    assert without["capacity"].to_list() == [None]
