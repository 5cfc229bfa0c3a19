"""Bars that repeat: a price that does not move for days."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import BARS, DAILY, day, of_series, shown

_PRICES = {"processed_features.daily_cache": ("open_d", "high_d", "low_d", "close_d")}


def _measure(candidate: Candidate) -> pl.LazyFrame:
    table = candidate.table
    prices = _PRICES.get(table.name, ("open", "high", "low", "close"))
    series = of_series(table)
    moved = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift().over(series)) for name in prices)
    return (
        candidate.rows.select(*series, *prices, str(table.known), day=day(table))
        .sort(*series, str(table.known))
        .with_columns(run=moved.cum_sum().over(series))
        .group_by(*series, "run")
        .agg(value=pl.col("day").n_unique(), at=pl.col("day").last())
        .sort(*series, "value", "run", descending=[*(False for _ in series), True, False])
        .group_by(series, maintain_order=True)
        .first()
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
