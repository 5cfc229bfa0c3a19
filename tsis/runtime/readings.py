"""Tables as the stages of one run read them: once a version, and in the order of their keys."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

import polars as pl

from tsis.core.order import in_order
from tsis.core.table import TableSpec
from tsis.lake.transaction import Transaction

KEPT_BYTES = 512_000_000
"""Of all tables that are kept; those read first make room."""


class Readings:
    """The tables that a transaction sees; a table that many stages need is read from disk for the first.

    Stages that run beside each other share it.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._kept: dict[tuple[str, str], pl.DataFrame] = {}
        self._lock = Lock()

    def n_rows(self, table: TableSpec) -> int:
        """Return how many rows a table has, read or not."""
        kept = self._kept.get(self._version(table))
        return self._transaction.n_rows(table.name) if kept is None else kept.height

    def whole(self, table: TableSpec) -> pl.DataFrame:
        """Return all rows, sorted by key."""
        version = self._version(table)
        with self._lock:
            if version not in self._kept:
                self._keep(version, in_order(self._transaction.scan(table.name).collect().rechunk(), table.key))
            return self._kept[version]

    def split(self, table: TableSpec, column: str) -> Mapping[str, pl.DataFrame]:
        """Return the rows by the values of a text column, each part sorted by key."""
        rows = self.whole(table)
        if table.key[0] != column:
            parts = rows.partition_by(column, as_dict=True, maintain_order=True)
            return {str(name): part for (name,), part in parts.items()}
        runs = rows[column].rle().struct.unnest().with_columns(first=pl.col("len").cum_sum() - pl.col("len"))
        return {name: rows.slice(first, length) for length, name, first in runs.iter_rows()}

    def _version(self, table: TableSpec) -> tuple[str, str]:
        return table.name, self._transaction.version(table.name) or ""

    def _keep(self, version: tuple[str, str], rows: pl.DataFrame) -> None:
        self._kept[version] = rows
        while len(self._kept) > 1 and sum(frame.estimated_size() for frame in self._kept.values()) > KEPT_BYTES:
            self._kept.pop(next(iter(self._kept)))
