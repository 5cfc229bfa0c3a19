"""Splits on which prices and reference.corporate_actions do not agree."""

from __future__ import annotations

import math

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import day

ACTIONS = "reference.corporate_actions"
_RATIOS = (1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 100.0)
_NEAR, _OF_USUAL = 0.02, 2.5
"""A jump counts as a split where its logarithm is so near to that of a ratio, or so many median daily moves."""
_N_OF_VOLATILITY = 12
_LEFT = 0.3
"""Of a recorded split, the part of its logarithm that may be left in the prices as traded."""


def _measure(candidate: Candidate) -> pl.LazyFrame:
    is_raw = candidate.table.name == "raw.ohlcv_daily"
    opened = pl.col("open") if is_raw else pl.col("open_d") * pl.col("split_factor")
    closed = pl.col("close") if is_raw else pl.col("close_d") * pl.col("split_factor")
    series = ["ticker", "source"] if is_raw else ["ticker"]
    actions = candidate.beside[ACTIONS].lazy().filter(pl.col("kind") == "split", ~pl.col("is_deleted"))
    splits = actions.group_by("ticker", at="ex_date").agg(split=pl.col("ratio").log().mean())
    jumps = (
        candidate.rows.select(*series, at=day(candidate.table), opened=opened.log(), closed=closed.log())
        .sort(*series, "at")
        .with_columns(
            jump=pl.col("opened") - pl.col("closed").shift().over(series), daily=pl.col("closed").diff().over(series)
        )
        .with_columns(usual=pl.col("daily").abs().median().over(series))
        .join(splits, on=["ticker", "at"], how="left")
        .filter(pl.col("jump").is_not_null())
    )
    near = pl.max_horizontal(pl.lit(_NEAR), _OF_USUAL * pl.col("usual"))
    is_like_split = pl.any_horizontal(((pl.col("jump").abs() - math.log(ratio)).abs() <= near) for ratio in _RATIOS) & (
        pl.col("jump").abs() > _N_OF_VOLATILITY * pl.col("usual")
    )
    recorded = pl.col("split").is_not_null()
    # as traded, the price falls by the ratio; adjusted, it does not move
    left = pl.col("jump") + pl.col("split") if is_raw else pl.col("jump")
    is_wrong = pl.when(recorded).then(left.abs() > _LEFT * pl.col("split").abs()).otherwise(is_like_split)
    return jumps.group_by("ticker").agg(value=is_wrong.sum(), at=pl.col("at").filter(is_wrong).first())


split_not_adjusted = Check(
    name="split_not_adjusted",
    description="Days on which a price opens at a split's ratio to the close before and no split is recorded, or a "
    "recorded split is not in the prices as traded or not taken out of adjusted ones; at: the first.",
    unit="days",
    judges=lambda table: table.name in ("raw.ohlcv_daily", "processed_features.daily_cache"),
    measure=_measure,
    reads=(ACTIONS,),
    error=Limits("returns across such a day are not returns: record the split, or deliver prices as traded", at_most=0),
)
