"""Splits, dividends, mergers and symbol changes, by ex-date."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class CorporateActions(Table, key=("ticker", "ex_date", "kind", "source", "known_at")):
    """Splits, dividends, mergers and symbol changes, by ex-date."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    ex_date: pl.Date = column("date", "First session that trades without the entitlement")
    kind: str = column("enum", "What happened", isin=["split", "dividend", "merger", "symbol_change"])
    ratio: float = column("new shares per old share", "Split or merger ratio, null for others", nullable=True, gt=0)
    amount: float = column("quote", "Cash per share, null for others", nullable=True, ge=0)
    successor: str = column("symbol", "The symbol that follows, null where it stays", nullable=True)
    source: str = column("name", "Source that delivered the row")
    is_deleted: bool = column("flag", "True where the vendor withdrew the row; a scan then omits it")
    known_at: Timestamp = column(
        "UTC",
        "Publication by the vendor, else the end of the row plus the declared delay",
    )
