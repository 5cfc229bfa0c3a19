"""Rows of tickers that reference.tickers_dim does not have."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import TICKERS

CONTRACTS = "reference.contracts_dim"


def _measure(candidate: Candidate) -> pl.LazyFrame:
    known = {
        *candidate.beside[TICKERS]["ticker"],
        *candidate.beside[CONTRACTS]["ticker"],
        *candidate.beside[CONTRACTS]["product"],
    }
    counted = candidate.rows.group_by("ticker").agg(n=pl.len())
    if not known:
        return counted.head(0).select("ticker", value="n")
    return counted.select("ticker", value=pl.when(pl.col("ticker").is_in(sorted(known))).then(0).otherwise(pl.col("n")))


unknown_tickers = Check(
    name="unknown_tickers",
    description="Rows whose ticker is neither in reference.tickers_dim nor a product or contract of contracts_dim.",
    unit="rows",
    judges=lambda table: "ticker" in table.polars_schema and table.zone != "reference",
    measure=_measure,
    reads=(TICKERS, CONTRACTS),
    error=Limits("without its exchange a ticker has no sessions, and without its class no parameters", at_most=0),
)
