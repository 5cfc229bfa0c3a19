"""Rows of a table against those of its version in the current snapshot."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits


def _measure(candidate: Candidate) -> pl.LazyFrame:
    if candidate.before is None:
        return pl.LazyFrame(schema={"value": pl.Float64})
    counts = [rows.select(pl.len().alias(name)) for name, rows in (("n", candidate.rows), ("was", candidate.before))]
    return pl.concat(counts, how="horizontal").filter(pl.col("was") > 0).select(value=pl.col("n") / pl.col("was"))


table_shrank = Check(
    name="table_shrank",
    description="Rows of the candidate over rows of the version that is current.",
    unit="ratio",
    judges=lambda table: table.zone != "governance",
    measure=_measure,
    error=Limits("nine tenths are gone: an input is, too", at_least=0.1),
    warning=Limits("fewer series were chosen, or rows were lost", at_least=0.9),
)
