"""How every strategy did, and the trials that this adds."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from tsis.analytics.activity import capacity, exposure_frac, turnover_annual
from tsis.analytics.drawdown import longest_under_water, max_drawdown_frac, under_water_frac
from tsis.analytics.moments import moments
from tsis.analytics.performance import annual_return_frac, calmar, sortino_annual, volatility_annual_frac
from tsis.analytics.sharpe import min_track_record_length, probabilistic_sharpe
from tsis.analytics.tail_risk import conditional_value_at_risk_frac, value_at_risk_frac
from tsis.analytics.trade_results import (
    expectancy,
    longest_losing_streak,
    payoff_ratio,
    profit_factor,
    win_rate_frac,
)
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.tables.analytics.pnl_daily import PnlDaily
from tsis.tables.analytics.strategy_stats import StrategyStats
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.positions import Positions
from tsis.tables.governance.trials import Trials


class StrategyStatsParams(Params):
    """How results are annualised, and which trials belong together.

    Parameters
    ----------
    periods_a_year : days with a result a year (UTC dates; a market that opens on Sunday evening has six a week), for
        strategies that `periods_a_year_of` does not name.
    periods_a_year_of : by strategy.
    family_of : the family of trials of a strategy (the scope of N), by strategy; its own name otherwise.
    """

    periods_a_year: float = Field(default=252.0, gt=0)
    periods_a_year_of: dict[str, float] = Field(default_factory=lambda: {"fx_hourly": 312.0})
    family_of: dict[str, str] = Field(default_factory=dict)


@stage(reads=[PnlDaily, Positions, FillsLog], writes=[StrategyStats, Trials], by="whole")
def strategy_stats(
    pnl_daily: pl.DataFrame, positions: pl.DataFrame, fills_log: pl.DataFrame, params: StrategyStatsParams
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Measure each strategy on its daily returns and its closed trades.

    Daily returns are those of `pnl_daily`, days without trades included. A closed trade is what lies between two
    moments at which the ticker is flat; its result is the change of the ticker's realised pnl, fees included. The
    Sharpe ratio uses ddof 1, skew and kurtosis are population moments (3 = normal), PSR is against 0, MinTRL at 95 %.
    A day counts as held if a position was open at some time of it, by the UTC date of the fills.

    Returns
    -------
    The statistics, and the trials: family, search_index, sharpe_daily, n_observations, and the lists dates and returns.
    The runtime chains the latter into governance.trials.
    """
    rows: list[dict[str, Any]] = []
    for days in pnl_daily.sort(spec(PnlDaily).key).partition_by("session_id", "strategy_id", maintain_order=True):
        own, fills = (
            rows_of.filter(pl.col("session_id") == days["session_id"][0]) for rows_of in (positions, fills_log)
        )
        rows.append(_measured(days, own, fills, params))
    stats = pl.DataFrame(rows, schema=spec(StrategyStats).polars_schema).sort(spec(StrategyStats).key)
    daily = (
        pnl_daily.sort("date")
        .group_by("session_id", "strategy_id", maintain_order=True)
        .agg(dates="date", returns="ret_frac")
    )
    trials = stats.join(daily, on=["session_id", "strategy_id"], how="left", maintain_order="left").select(
        pl.col("strategy_id").replace(params.family_of).alias("family"),
        pl.col("session_id").alias("search_index"),
        "sharpe_daily",
        pl.col("n_days").alias("n_observations"),
        "dates",
        "returns",
    )
    return stats, trials


def _trade_results(positions: pl.DataFrame) -> list[float]:
    """Return the result of each closed trade, in order of ticker and time."""
    results: list[float] = []
    for rows in positions.sort("ticker", "ts", "fill_id").partition_by("ticker", maintain_order=True):
        flat = [0.0, *rows.filter(pl.col("qty") == 0)["realised_pnl"].to_list()]
        results += [after - before for before, after in pairwise(flat)]
    return results


def _measured(
    days: pl.DataFrame, positions: pl.DataFrame, fills: pl.DataFrame, params: StrategyStatsParams
) -> dict[str, Any]:
    trades = _trade_results(positions)
    first = days.row(0, named=True)
    start = first["equity"] - first["pnl"]
    equity = days["equity"].to_numpy()
    n_days = days.height
    periods = params.periods_a_year_of.get(first["strategy_id"], params.periods_a_year)
    found = moments(days["ret_frac"].to_list())
    sharpe = found.sharpe
    psr = min_trl = None
    if sharpe is not None and found.skew is not None and found.kurtosis is not None:
        psr = _defined(probabilistic_sharpe(sharpe, 0.0, n_days, found.skew, found.kurtosis))
        min_trl = _defined(min_track_record_length(sharpe, 0.0, 0.95, found.skew, found.kurtosis))
    returns = days["ret_frac"].to_list()
    curve = np.concatenate(([start], equity))
    return {
        "session_id": first["session_id"],
        "origin": first["origin"],
        "strategy_id": first["strategy_id"],
        "n_days": n_days,
        "n_trades": len(trades),
        "total_return_frac": float(equity[-1] / start - 1.0),
        "sharpe_daily": sharpe,
        "sharpe_annual": None if sharpe is None else sharpe * math.sqrt(periods),
        "sortino_annual": sortino_annual(returns, periods),
        "calmar": calmar(returns, periods),
        "annual_return_frac": annual_return_frac(returns, periods),
        "volatility_annual_frac": volatility_annual_frac(returns, periods),
        "periods_a_year": periods,
        "skew": found.skew,
        "kurtosis": found.kurtosis,
        "psr_frac": psr,
        "min_trl_days": min_trl,
        "max_drawdown_frac": max_drawdown_frac(curve),
        "longest_under_water_days": longest_under_water(curve),
        "under_water_frac": under_water_frac(curve),
        "var_95_frac": value_at_risk_frac(returns),
        "cvar_95_frac": conditional_value_at_risk_frac(returns),
        "profit_factor": profit_factor(trades),
        "win_rate_frac": win_rate_frac(trades),
        "expectancy": expectancy(trades),
        "payoff_ratio": payoff_ratio(trades),
        "longest_losing_streak": longest_losing_streak(trades),
        "exposure_frac": exposure_frac(_days_held(positions, days["date"]), n_days),
        "fees": math.fsum(days["fees"]),
        "turnover_annual": turnover_annual(days["turnover"].to_list(), equity.tolist(), periods),
        "capacity": capacity(*_volume_shares(fills), float(np.mean(equity))) if equity.mean() > 0 else None,
    }


def _volume_shares(fills: pl.DataFrame) -> tuple[list[float], list[float]]:
    shares = fills.sort("fill_id")["volume_frac"].drop_nulls().to_list()
    return shares, [1.0] * len(shares)


def _days_held(positions: pl.DataFrame, dates: pl.Series) -> int:
    """Return on how many of `dates` some ticker had a position, for however short a time."""
    held: set[date] = set()
    for rows in positions.sort("ticker", "ts", "fill_id").partition_by("ticker", maintain_order=True):
        begun: date | None = None
        for at, qty in rows.select(pl.col("ts").dt.date(), "qty").iter_rows():
            if begun is None and qty != 0:
                begun = at
            elif begun is not None and qty == 0:
                held.update(dates.filter((dates >= begun) & (dates <= at)))
                begun = None
        if begun is not None:
            held.update(dates.filter(dates >= begun))
    return len(held)


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
