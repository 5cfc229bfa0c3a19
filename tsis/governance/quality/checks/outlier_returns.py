"""Returns far outside of what is usual for the series."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import begins, day, of_series, shown

_TO_SIGMA = 1.4826
_N_RETURNS = 30
_WITHIN_DAYS = frozenset({"raw.ohlcv_1h", "raw.ohlcv_1m", "raw.trades"})
"""Unadjusted, so that a split may lie between two days."""
_PRICE = {"processed_features.daily_cache": pl.col("close_d") * pl.col("split_factor"), "raw.trades": pl.col("price")}


def _measure(candidate: Candidate) -> pl.LazyFrame:
    table = candidate.table
    series = of_series(table)
    order = ["ts", "seq"] if table.name == "raw.trades" else [str(table.known)]
    whole = [*series, "day"] if table.name in _WITHIN_DAYS else series
    rows = candidate.rows.filter(~pl.col("is_suspicious")) if "is_suspicious" in table.polars_schema else candidate.rows
    price = _PRICE.get(table.name, pl.col("close"))
    return (
        rows.select(*series, *order, day=day(table), price=price.log())
        .sort(*series, *order)
        .with_columns(move=pl.when(~begins(whole)).then(pl.col("price").diff()))
        .filter(pl.col("move") != 0)
        .with_columns(pl.col("move").abs())
        .group_by(series)
        .agg(
            value=pl.col("move").max() / (_TO_SIGMA * pl.col("move").median()),
            at=pl.col("day").get(pl.col("move").arg_max()),
            n=pl.len(),
        )
        .filter(pl.col("n") >= _N_RETURNS)
        .select(*shown(table), "at", "value")
    )


outlier_returns = Check(
    name="outlier_returns",
    description="The largest log return of a series over its robust volatility: 1.4826 times the median absolute "
    "return (about zero) of those that are not zero. Raw intraday prices within days, all others split-adjusted.",
    unit="ratio",
    judges=lambda table: (
        table.name in _WITHIN_DAYS
        or table.name in ("processed_features.daily_cache", "processed_features.information_bars")
    ),
    measure=_measure,
    error=Limits("a price off by a factor of ten; the worst day of a large share, half its value, is 30", at_most=100),
    warning=Limits(
        "earnings, the open after a weekend and crashes go beyond it: to be looked at, one by one", at_most=15
    ),
)
