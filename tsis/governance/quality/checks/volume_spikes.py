"""Days that traded many times what the ticker usually trades."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import BARS, DAILY, day, of_series, shown

_N_DAYS = 20
_TRADED = {
    "processed_features.daily_cache": pl.col("dollar_vol_d"),
    "processed_features.information_bars": pl.col("dollar_volume"),
}


def _measure(candidate: Candidate) -> pl.LazyFrame:
    table, series = candidate.table, of_series(candidate.table)
    traded = _TRADED.get(table.name, pl.col("close") * pl.col("volume"))
    usual = pl.col("traded").rolling_median(_N_DAYS, min_samples=_N_DAYS // 2).shift().over(series)
    return (
        candidate.rows.select(*series, at=day(table), traded=traded)
        .group_by(*series, "at")
        .agg(pl.col("traded").sum())
        .filter(pl.col("traded") > 0)
        .sort(*series, "at")
        .with_columns(value=pl.col("traded") / usual)
        .drop_nulls("value")
        .group_by(series)
        .agg(pl.col("at", "value").sort_by("value").last())
        .select(*shown(table), "at", "value")
    )


volume_spikes = Check(
    name="volume_spikes",
    description="The largest ratio of a day's traded value to the median of the 20 days before (10 at least).",
    unit="ratio",
    judges=lambda table: table.name in BARS | DAILY,
    measure=_measure,
    error=Limits("thousandfold is another unit: lots for shares, cents for dollars", at_most=500),
    warning=Limits("takeovers and index changes trade so much, and misprints of a volume", at_most=20),
)
