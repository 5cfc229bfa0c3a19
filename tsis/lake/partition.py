"""Which folder a row lies in."""

from __future__ import annotations

import polars as pl

from tsis.core.table import TableSpec

_YEARLY_SPECS = ["time_1d", "session_1d"]
_MONTHLY_SPECS = ["time_1h", "time_4h", "session_1h"]


def partition_of(table: TableSpec) -> pl.Expr:
    """Return an expression for the partition folder of a row, empty text for unpartitioned tables."""
    if table.partition == "none" or table.time is None:
        return pl.lit("")
    time = pl.col(table.time)
    year = time.dt.strftime("year=%Y")
    month = time.dt.strftime("year=%Y/month=%m")
    date = time.dt.strftime("date=%Y-%m-%d")
    if table.partition == "bar_spec":
        spec = pl.col("bar_spec")
        by_time = pl.when(spec.is_in(_YEARLY_SPECS)).then(year).when(spec.is_in(_MONTHLY_SPECS)).then(month)
        return pl.concat_str(pl.lit("bar_spec="), spec, pl.lit("/"), by_time.otherwise(date))
    return {"year": year, "month": month, "date": date}[table.partition]


def rows_by_partition(table: TableSpec, rows: pl.DataFrame) -> dict[str, pl.Series]:
    """Return the row numbers of each partition, in order: what takes no second place in memory until it is taken."""
    placed = rows.select(_row=pl.int_range(pl.len()), _partition=partition_of(table))
    found = placed.group_by("_partition").agg(pl.col("_row").sort()).sort("_partition")
    return dict(zip(found["_partition"], found["_row"], strict=True))
