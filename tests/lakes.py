"""Rows of market data and lakes to put them in, for tests and for the programs that tests start."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from tsis.core.discovery import modules
from tsis.core.table import Table, TableSpec, spec
from tsis.lake import Lake

T0 = datetime(2020, 1, 2, 14, 30, tzinfo=UTC)
LATER = T0 + timedelta(days=30)


@cache
def declared() -> dict[str, TableSpec]:
    """Return the declared tables, wide ones without the columns of their members."""
    found = [value for module in modules("tsis.tables") for value in vars(module).values() if inspect.isclass(value)]
    return {spec(table).name: spec(table) for table in found if issubclass(table, Table) and table is not Table}


def new_lake(root: Path, wait_s: float = 30.0) -> Lake:
    """Return a lake at `root` with all declared tables."""
    return Lake(root, declared(), wait_s=wait_s)


def rows(table: str, n: int, **columns: Any) -> pl.DataFrame:
    """Return `n` rows that meet the contract; `columns` replace the defaults, one value for all rows or a list."""
    schema = declared()[table].polars_schema
    unknown = set(columns) - set(schema)
    assert not unknown, f"{table} has no columns {sorted(unknown)}"
    given = {name: columns[name] if name in columns else default(table, name) for name in schema}
    data = {name: value if isinstance(value, list) else [value] * n for name, value in given.items()}
    return pl.DataFrame(data, schema=schema)


def default(table: str, name: str) -> Any:
    """Return a value that a column may have: null where it may be null."""
    column = declared()[table].columns[name]
    if column.nullable:
        return None
    for check in column.checks:
        if check.name == "isin":
            return next(iter(check.statistics["allowed_values"]))
    if name == "bar_spec":
        return "time_1d"
    values = {pl.Boolean: False, pl.Datetime: T0, pl.Date: T0.date(), pl.Binary: b"x", pl.String: "X"}
    return values.get(declared()[table].polars_schema[name].base_type(), 1)


def trades(n: int = 3, *, start: datetime = T0, step_s: float = 1.0, **columns: Any) -> pl.DataFrame:
    """Return `n` trades of raw.trades, `step_s` apart, at 100, 101, 102, …"""
    moments = [start + timedelta(seconds=step_s * i) for i in range(n)]
    return rows(
        "raw.trades", n, **{"ticker": "IBM", "ts": moments, "seq": 0, "price": [100.0 + i for i in range(n)], **columns}
    )


def quotes(n: int = 3, **columns: Any) -> pl.DataFrame:
    """Return `n` rows of raw.quotes, a second apart."""
    moments = [T0 + timedelta(seconds=i) for i in range(n)]
    return rows("raw.quotes", n, **{"ticker": "IBM", "ts": moments, "bid": 99.0, "ask": 101.0, **columns})


def days(ticker: str, moments: Sequence[datetime], **columns: Any) -> pl.DataFrame:
    """Return rows of the derived table processed_features.daily_cache, one a close."""
    dates = [moment.date() for moment in moments]
    given = {"ticker": ticker, "date": dates, "ts_close": list(moments), **columns}
    return rows("processed_features.daily_cache", len(dates), **given)


def shuffled(frame: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Return the rows in another order."""
    return frame.sample(fraction=1.0, shuffle=True, seed=seed)


def sorted_rows(scanned: pl.LazyFrame, table: str = "raw.trades") -> pl.DataFrame:
    """Collect and sort by the table's key."""
    return scanned.collect().sort(declared()[table].key)


def contents(root: Path) -> dict[str, str]:
    """Return path to SHA-256 of every file that is part of a version: data, manifests, snapshots."""
    parts = ("*.parquet", "*.json")
    found = sorted(path for part in parts for path in root.rglob(part) if "_quarantine" not in path.parts)
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def flip_byte(path: Path, position: int = 100) -> None:
    """Change one bit in place."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
