"""Rows of a session against the sessions before."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import BARS, day, of_series, shown

_N_DAYS = 20
_FED = BARS | {"raw.trades", "raw.quotes", "processed_features.features"}


def _measure(candidate: Candidate) -> pl.LazyFrame:
    series = of_series(candidate.table)
    usual = pl.col("n").cast(pl.Float64).rolling_median(_N_DAYS, min_samples=5).shift().over(series)
    return (
        candidate.rows.select(*series, at=day(candidate.table))
        .group_by(*series, "at")
        .agg(n=pl.len())
        .sort(*series, "at")
        .with_columns(value=pl.col("n") / usual)
        # the last day of a series may be going on
        .filter(pl.col("value").is_not_null(), pl.col("at") < pl.col("at").max().over(series))
        .group_by(series)
        .agg(pl.col("at", "value").sort_by(pl.col("value").log().abs(), "at").last())
        .select(*shown(candidate.table), "at", "value")
    )


row_counts = Check(
    name="row_counts",
    description="Rows of a ticker on a day over the median of the 20 days before (5 at least), the farthest from 1; "
    "its last day, which may be going on, is left out.",
    unit="ratio",
    judges=lambda table: table.name in _FED,
    measure=_measure,
    error=Limits("a feed that died at the open, or a delivery that came many times", at_least=0.01, at_most=100),
    warning=Limits("a half day has half of the rows, a day of great news five times as many", at_least=0.1, at_most=10),
)
