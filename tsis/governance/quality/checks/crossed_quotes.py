"""Bids that prevail at or above the offer."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits


def _measure(candidate: Candidate) -> pl.LazyFrame:
    book = ["ticker", "source", "exchange"]
    prevailing = [pl.col(side).forward_fill().over(book) for side in ("bid", "ask")]
    return (
        candidate.rows.filter(~pl.col("is_suspicious"))
        .select(*book, "ts", "seq", "bid", "ask")
        .sort(*book, "ts", "seq")
        .with_columns(prevailing)
        .drop_nulls(["bid", "ask"])
        .group_by("ticker", pl.col("ts").dt.date().alias("at"))
        .agg(value=(pl.col("bid") >= pl.col("ask")).mean())
    )


crossed_quotes = Check(
    name="crossed_quotes",
    description="Share of a day's quotes at which the prevailing bid of a venue is at or above its offer; a message of "
    "one side leaves the other as it was.",
    unit="frac",
    judges=lambda table: table.name == "raw.quotes",
    measure=_measure,
    error=Limits("sides are exchanged, or messages are out of order", at_most=0.2),
    warning=Limits("a venue locks for moments, not for one quote in a hundred", at_most=0.01),
)
