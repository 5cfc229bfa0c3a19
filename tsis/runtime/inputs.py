"""Reads what a stage needs, whole or ticker by ticker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tsis.core.stage import AnyStage
from tsis.core.table import TableSpec
from tsis.lake.transaction import Transaction

IN_MEMORY_ROWS = 5_000_000
"""A table up to this size is read once and split by ticker; a larger one is scanned for each ticker."""


class Inputs:
    """The tables that a stage reads, as its transaction sees them, sorted by key."""

    def __init__(self, stage: AnyStage, transaction: Transaction) -> None:
        self._stage = stage
        self._transaction = transaction
        self._split: dict[str, Mapping[str, pl.DataFrame]] = {}
        self._whole: dict[str, pl.DataFrame] = {}
        self._empty: dict[str, pl.DataFrame] = {}
        self.rows = 0
        for table in stage.reads:
            self._open(table)

    def _open(self, table: TableSpec) -> None:
        scanned = self._transaction.scan(table.name)
        rows = scanned.select(pl.len()).collect().item()
        self.rows += rows
        self._empty[table.name] = scanned.head(0).collect()
        by_ticker = self._stage.by == "ticker" and "ticker" in table.polars_schema
        if by_ticker and rows > IN_MEMORY_ROWS:
            return
        frame = scanned.collect().sort(table.key)
        if by_ticker:
            parts = frame.partition_by("ticker", as_dict=True, maintain_order=True)
            self._split[table.name] = {str(name): part for (name,), part in parts.items()}
        else:
            self._whole[table.name] = frame

    def units(self) -> Sequence[str | None]:
        """Return the tickers to call the stage for, in order; one None where it is called once."""
        if self._stage.by == "whole":
            return [None]
        found: set[str] = set()
        for table in self._stage.reads:
            if "ticker" not in table.polars_schema or table.zone == "reference":
                continue
            if table.name in self._split:
                found |= set(self._split[table.name])
            else:
                found |= set(self._transaction.scan(table.name).select("ticker").unique().collect()["ticker"])
        return sorted(found)

    def frames(self, ticker: str | None) -> dict[str, pl.DataFrame]:
        """Return the stage's arguments for one unit: argument name to frame."""
        return {table.table: self._frame(table, ticker) for table in self._stage.reads}

    def _frame(self, table: TableSpec, ticker: str | None) -> pl.DataFrame:
        if table.name in self._whole:
            return self._whole[table.name]
        if table.name in self._split:
            return self._split[table.name].get(str(ticker), self._empty[table.name])
        return self._transaction.scan(table.name, tickers=[str(ticker)]).collect().sort(table.key)
