"""The losses from a peak of an equity curve, one by one."""

from __future__ import annotations

import polars as pl

from tsis.core.errors import UnknownNameError


def drawdowns(curve: pl.DataFrame, time: str = "date") -> pl.DataFrame:
    """Return one row a drawdown, the deepest first.

    Parameters
    ----------
    curve : `time` and `equity`, in order; the first row counts as a peak.
    time : the column that says when.

    Returns
    -------
    began (the peak), lowest (when the loss was largest), ended (first time at the peak again; null if it lasts), depth
    as a share of the peak, n_periods from the first below the peak to the last.
    """
    for name in (time, "equity"):
        if name not in curve.columns:
            raise UnknownNameError("column", name, curve.columns)
    return (
        curve.select(pl.col(time).alias("at"), "equity")
        .with_columns(pl.col("equity").cum_max().alias("peak"))
        .with_columns(is_below=pl.col("equity") < pl.col("peak"))
        .with_columns(number=(~pl.col("is_below")).cum_sum(), after=pl.col("at").shift(-1))
        .group_by("number", maintain_order=True)
        .agg(
            pl.col("at").first().alias("began"),
            pl.col("at").get(pl.col("equity").arg_min()).alias("lowest"),
            pl.col("after").last().alias("ended"),
            (1.0 - pl.col("equity").min() / pl.col("peak").first()).clip(0.0, 1.0).alias("depth_frac"),
            (pl.len() - 1).cast(pl.Int64).alias("n_periods"),
        )
        .filter(pl.col("n_periods") > 0)
        .sort("depth_frac", "began", descending=[True, False])
        .drop("number")
    )
