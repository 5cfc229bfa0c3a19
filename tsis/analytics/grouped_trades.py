"""Closed trades by day, session, regime, setup, or whatever column they carry."""

from __future__ import annotations

import polars as pl

from tsis.core.errors import UnknownNameError, UsageError


def trades_by(trades: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return one row a group, sorted, with what its trades made.

    Parameters
    ----------
    trades : one row a trade: `pnl` in quote currency, fees included, and the columns `by`; a null there is a group of
        its own. Join the session, the regime at the entry or the setup to the trades first; the day is
        ``pl.col("left_at").dt.date()``.

    Returns
    -------
    The columns `by`, then n_trades, pnl, expectancy (quote), win_rate_frac, profit_factor (null without losses), and
    payoff_ratio (null without gains or losses).

    Raises
    ------
    UsageError
        If nothing to group by is given, or a column is not there.
    """
    if not by:
        raise UsageError("trades_by: name a column to group by, such as 'setup'")
    for name in (*by, "pnl"):
        if name not in trades.columns:
            raise UnknownNameError("column", name, trades.columns)
    pnl = pl.col("pnl")
    gains, losses = pnl.filter(pnl > 0), -pnl.filter(pnl < 0)
    return (
        trades.group_by(*by)
        .agg(
            pl.len().cast(pl.Int64).alias("n_trades"),
            pnl.sum().alias("pnl_sum"),
            pnl.mean().alias("expectancy"),
            (pnl > 0).mean().alias("win_rate_frac"),
            pl.when(losses.len() > 0).then(gains.sum() / losses.sum()).alias("profit_factor"),
            (gains.mean() / losses.mean()).alias("payoff_ratio"),
        )
        .rename({"pnl_sum": "pnl"})
        .sort(*by, nulls_last=True)
    )
