"""Bars that repeat: a price that does not move for days."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import BARS, DAILY, begins, day, of_series, shown

_PRICES = {"processed_features.daily_cache": ("open_d", "high_d", "low_d", "close_d")}


def _measure(candidate: Candidate) -> pl.LazyFrame:
    table = candidate.table
    prices = _PRICES.get(table.name, ("open", "high", "low", "close"))
    series = of_series(table)
    moved = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in prices) | begins(series)
    is_further_day = ~pl.col("moved") & (pl.col("at") != pl.col("at").shift())
    n_before = pl.when("moved").then("n_days").forward_fill()
    return (
        candidate.rows.select(*series, *prices, str(table.known), at=day(table))
        .sort(*series, str(table.known))
        .with_columns(moved=moved)
        .with_columns(n_days=is_further_day.cum_sum().cast(pl.Int64))
        .with_columns(value=1 + pl.col("n_days") - n_before)
        .group_by(series)
        .agg(pl.col("value").max(), pl.col("at").get(pl.col("value").arg_max()))
        .select(*shown(table), "at", "value")
    )


stale_prices = Check(
    name="stale_prices",
    description="The most days on end that a bar repeats open, high, low and close of the one before; "
    "at: the last day.",
    unit="days",
    judges=lambda table: table.name in BARS | DAILY,
    measure=_measure,
    error=Limits("two weeks of one price are a feed that stopped and was filled forward", at_most=10),
    warning=Limits("an equal day may follow by chance, a third hardly ever", at_most=2),
)
