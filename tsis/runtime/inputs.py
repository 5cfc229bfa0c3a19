"""Reads what a stage needs: whole, by ticker, by session, or the rows of a ticker between two times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from tsis.core.errors import DataError
from tsis.core.order import in_order
from tsis.core.stage import AnyStage
from tsis.core.table import TableSpec
from tsis.lake.transaction import Transaction
from tsis.runtime.products import ROLLS, Products
from tsis.runtime.readings import Readings

IN_MEMORY_VALUES = 25_000_000
"""A table of so many, rows times columns, is read once and split by ticker; a larger one is scanned for each ticker."""
_TICK = timedelta(microseconds=1)


class Inputs:
    """The tables that a stage reads, as its transaction sees them, sorted by key."""

    def __init__(self, stage: AnyStage, transaction: Transaction, readings: Readings | None = None) -> None:
        self._stage = stage
        self._transaction = transaction
        self._readings = readings or Readings(transaction)
        self._split: dict[str, Mapping[str, pl.DataFrame]] = {}
        self._whole: dict[str, pl.DataFrame] = {}
        self._empty: dict[str, pl.DataFrame] = {}
        self._products = Products(stage, transaction)
        self._clashes: set[str] = set()
        self.rows = 0
        for table in stage.reads:
            self._open(table)

    def _open(self, table: TableSpec) -> None:
        self._transaction.require_layout(table.name)
        rows = self._readings.n_rows(table)
        self.rows += rows
        by_ticker = self._stage.by == "ticker" and "ticker" in table.polars_schema
        if by_ticker and rows * len(table.polars_schema) > IN_MEMORY_VALUES:
            self._empty[table.name] = self._transaction.scan(table.name).head(0).collect()
            return
        self._empty[table.name] = self._readings.whole(table).clear()
        if by_ticker:
            self._split[table.name] = self._readings.split(table, "product" if table.name == ROLLS else "ticker")
        else:
            self._whole[table.name] = self._readings.whole(table)

    def units(self) -> Sequence[str | None]:
        """Return the units to call the stage for, in order (tickers, products, sessions); one None for all."""
        if self._stage.by == "whole":
            return [None]
        if self._stage.by == "product":
            return sorted(self._products.names())
        found: set[str] = set()
        for table in self._stage.reads:
            if table.zone == "reference" or (self._stage.by == "ticker" and table.name == ROLLS):
                continue
            if self._stage.by == "session":
                if table.known is not None:
                    found |= set(self._whole[table.name].select(session_of(table).unique()).to_series())
            else:
                named = self._tickers(table)
                found |= named
                if table.zone == "raw":
                    self._clashes |= named & self._products.names()
        return sorted(found - self._products.contracts() | self._products.names())

    def _tickers(self, table: TableSpec) -> set[str]:
        if table.name in self._split:
            return set(self._split[table.name])
        if "ticker" not in table.polars_schema:
            return set()
        return set(self._transaction.scan(table.name).select("ticker").unique().collect()["ticker"])

    def frames(self, unit: str | None) -> dict[str, pl.DataFrame]:
        """Return the stage's arguments for one unit: argument name to frame."""
        return {table.table: self._frame(table, unit) for table in self._stage.reads}

    def between(self, ticker: str, after: datetime | None, until: datetime | None) -> dict[str, pl.DataFrame]:
        """Return the arguments of a resumable stage: the rows of `ticker` known after `after` and not after `until`.

        Tables that the stage needs ahead are given that much earlier, and `timeless` ones whole. The raw rows of a
        product are those of the contract that it held when they were known.

        Raises
        ------
        DataError
            If `ticker` is a product and has raw rows of its own.
        """
        if ticker in self._clashes:
            raise DataError(
                f"{ticker} is a product of reference.contracts_dim and has raw rows of its own; give the product "
                "another name, or take it out of reference.tickers_dim"
            )
        timed = {
            table.table: in_order(self._timed_scan(table, ticker, after, until).collect(), table.key)
            for table in self._stage.reads
            if self.is_timed(table)
        }
        return timed | self.timeless(ticker)

    def timeless(self, ticker: str) -> dict[str, pl.DataFrame]:
        """Return the arguments of a resumable stage that are the same for every piece of a ticker."""
        return {table.table: self._frame(table, ticker) for table in self._stage.reads if not self.is_timed(table)}

    def is_timed(self, table: TableSpec) -> bool:
        """Tell whether a resumable stage is given a table piece by piece."""
        return table.known is not None and "ticker" in table.polars_schema and table.zone != "reference"

    def rows_by_day(self, ticker: str, after: datetime | None) -> pl.DataFrame:
        """Return day and rows of `ticker` after a time, in order of days; of the tables that are not needed ahead.

        A day ends with the midnight after it, which belongs to it.
        """
        counts = [
            self._timed_scan(table, ticker, after, None)
            .group_by((pl.col(str(table.known)) - _TICK).dt.date().alias("day"))
            .agg(pl.len().cast(pl.Int64).alias("rows"))
            .collect()
            for table in self._stage.reads
            if self.is_timed(table) and table.name not in self._stage.ahead
        ]
        return pl.concat(counts).group_by("day").agg(pl.col("rows").sum()).sort("day")

    def _frame(self, table: TableSpec, unit: str | None) -> pl.DataFrame:
        if self._stage.by == "product":
            return self._of_product(table, str(unit))
        if table.name in self._whole:
            rows = self._whole[table.name]
            is_cut = self._stage.by == "session" and table.zone != "reference" and table.known is not None
            return rows.filter(session_of(table) == unit) if is_cut else rows
        if table.name in self._split:
            return self._split[table.name].get(str(unit), self._empty[table.name])
        return in_order(self._transaction.scan(table.name, tickers=[str(unit)]).collect(), table.key)

    def _timed_scan(
        self, table: TableSpec, ticker: str, after: datetime | None, until: datetime | None
    ) -> pl.LazyFrame:
        lead = self._stage.ahead.get(table.name, timedelta())
        parts = [
            self._known(table, name, begin and begin + lead, end and end + lead)
            for name, begin, end in self.spans(table, ticker, after, until)
        ]
        return pl.concat(parts) if parts else self._empty[table.name].lazy()

    def spans(
        self, table: TableSpec, unit: str, after: datetime | None, until: datetime | None
    ) -> Sequence[tuple[str, datetime | None, datetime | None]]:
        """Return whose rows of a table are those of `unit`, after and until when: of a product, its contracts'."""
        if unit in self._products and table.zone == "raw":
            return self._products.stretches(unit, after, until)
        return [] if table.name == ROLLS and unit not in self._products else [(unit, after, until)]

    def _known(self, table: TableSpec, name: str, after: datetime | None, until: datetime | None) -> pl.LazyFrame:
        if table.name in self._split:
            rows = self._split[table.name].get(name, self._empty[table.name]).lazy()
        else:
            # the manifest knows the times of `time` alone
            start = after if after and table.known == table.time else None
            rows = self._transaction.scan(table.name, tickers=[name], start=start)
        return known_between(rows, str(table.known), after, until)

    def _of_product(self, table: TableSpec, product: str) -> pl.DataFrame:
        rows = self._whole[table.name]
        if "product" in table.polars_schema:
            return rows.filter(pl.col("product") == product)
        names = [product, *self._products.contracts(product)]
        return rows.filter(pl.col("ticker").is_in(names)) if "ticker" in table.polars_schema else rows


def known_between(rows: pl.LazyFrame, known: str, after: datetime | None, until: datetime | None) -> pl.LazyFrame:
    """Keep the rows with after < `known` ≤ until; None is no bound."""
    if after is not None:
        rows = rows.filter(pl.col(known) > after)
    return rows if until is None else rows.filter(pl.col(known) <= until)


def session_of(table: TableSpec) -> pl.Expr:
    """Return an expression for the session of a row: the UTC date at which it is complete."""
    return pl.col(str(table.known)).dt.date().cast(pl.String)


def midnight_after(day: object) -> datetime:
    """Return the midnight that ends a UTC day."""
    return datetime.fromisoformat(str(day)).replace(tzinfo=UTC) + timedelta(days=1)
