"""Values of the last 20 sessions against those before."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import day, of_series

_N_LAST, _N_BEFORE, _N_ROWS = 20, 250, 20
_NOISE = 1.63
"""Kolmogorov's statistic that chance exceeds once in a hundred."""
_OF_FEATURES = ("log_return_1", "log_return_5", "volatility_20", "volume_ratio_20", "rsi_14")


def _measure(candidate: Candidate) -> pl.LazyFrame:
    table, series = candidate.table, of_series(candidate.table)
    if table.name == "processed_features.information_bars":
        columns = {
            "log_return": pl.col("close").log().diff().over(series),
            "range": pl.col("high").log() - pl.col("low").log(),
            "dollar_volume": pl.col("dollar_volume"),
        }
    else:
        columns = {name: pl.col(name) for name in _OF_FEATURES if name in table.polars_schema}
    dated = (
        candidate.rows.sort(*series, str(table.known))
        .select(*series, day=day(table), **columns)
        .with_columns(age=pl.col("day").rank("dense", descending=True).over(series))
        .filter(pl.col("age") <= _N_LAST + _N_BEFORE)
        .with_columns(is_last=pl.col("age") <= _N_LAST)
    )
    return pl.concat([_distance(dated, series, name) for name in columns] or [_none(series)])


def _distance(dated: pl.LazyFrame, series: list[str], column: str) -> pl.LazyFrame:
    """Return the Kolmogorov-Smirnov distance of one column by series, less what chance makes of so few rows."""
    share_last, share_before = (
        pl.col(name).cum_sum().over(series) / pl.col(name).sum().over(series) for name in ("n_last", "n_before")
    )
    return (
        dated.drop_nulls(column)
        .group_by(*series, column)
        .agg(n_last=pl.col("is_last").sum(), n_before=(~pl.col("is_last")).sum())
        .sort(*series, column)
        .with_columns(distance=(share_last - share_before).abs())
        .group_by(series)
        .agg(pl.col("distance").max(), pl.col("n_last", "n_before").sum())
        .filter(pl.col("n_last") >= _N_ROWS, pl.col("n_before") >= 2 * _N_ROWS)
        .select(
            *series,
            at=pl.lit(column),
            value=(pl.col("distance") - _NOISE * (1 / pl.col("n_last") + 1 / pl.col("n_before")).sqrt()).clip(0),
        )
    )


def _none(series: list[str]) -> pl.LazyFrame:
    return pl.LazyFrame(schema={**dict.fromkeys([*series, "at"], pl.String), "value": pl.Float64})


drift = Check(
    name="drift",
    description="Kolmogorov-Smirnov distance of the last 20 sessions from the 250 before, beyond what chance makes of "
    "so few rows in 99 of 100 cases, of a few columns; at: the column.",
    unit="frac",
    judges=lambda table: table.name in ("processed_features.information_bars", "processed_features.features"),
    measure=_measure,
    warning=Limits(
        "another regime of volatility moves a column by less; a model meets what it was not trained on", at_most=0.4
    ),
)
