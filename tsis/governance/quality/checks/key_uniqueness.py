"""Rows that share the key of another."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits


def _measure(candidate: Candidate) -> pl.LazyFrame:
    key = list(candidate.table.key)
    by = [name for name in ("ticker", "bar_spec") if name in key]
    same = candidate.rows.select(key).group_by(key).agg(n=pl.len() - 1)
    return same.group_by(by).agg(value=pl.col("n").sum()) if by else same.select(value=pl.col("n").sum())


key_uniqueness = Check(
    name="key_uniqueness",
    description="Rows whose key an earlier row has, in whatever file.",
    unit="rows",
    judges=lambda _: True,
    measure=_measure,
    error=Limits("a join over the key would multiply rows", at_most=0),
)
