"""Reading a version of a table: files pruned by manifest, row groups by statistics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import polars as pl

from tsis.core.errors import UsageError
from tsis.core.names import require_ticker
from tsis.core.table import TableSpec
from tsis.lake.integrity import intact_files
from tsis.lake.manifest import FileEntry, Manifest


def scan_manifest(
    folder: Path,
    table: TableSpec,
    manifest: Manifest | None,
    tickers: Sequence[str] | None,
    start: datetime | None,
    end: datetime | None,
    asof: datetime | None,
) -> pl.LazyFrame:
    """Return the rows of one version; see `tsis.lake.store.Lake.scan`."""
    if isinstance(tickers, str):
        raise UsageError(f"tickers is a list of names; write tickers=[{tickers!r}]")
    wanted = None if tickers is None else sorted(require_ticker(ticker) for ticker in tickers)
    if wanted is not None and "ticker" not in table.polars_schema:
        raise UsageError(f"{table.name} has no column ticker; leave out tickers")
    if (start or end) and table.time is None:
        raise UsageError(f"{table.name} has no time column; leave out start and end")
    if asof and not table.is_revisable:
        raise UsageError(f"{table.name} has no column known_at: its rows are never revised; leave out asof")
    start, end, asof = _utc(start), _utc(end), _utc(asof)
    entries = [entry for entry in (manifest.files if manifest else ()) if may_hold(table, entry, wanted, start, end)]
    if not entries:
        return table.empty().lazy()
    intact_files(table, folder, entries, is_hashed=False)
    revised = {entry.partition for entry in entries if entry.n_superseded}
    runs = groupby(entries, key=lambda entry: entry.partition in revised)
    parts = [_selected(table, folder, list(run), wanted, start, end, asof) for _, run in runs]
    return pl.concat(parts) if len(parts) > 1 else parts[0]


def _selected(
    table: TableSpec,
    folder: Path,
    entries: Sequence[FileEntry],
    wanted: Sequence[str] | None,
    start: datetime | None,
    end: datetime | None,
    asof: datetime | None,
) -> pl.LazyFrame:
    """Return the rows asked for of neighbouring partitions; revised ones apart, because their rows must be compared."""
    rows = pl.scan_parquet([folder / entry.path for entry in entries], hive_partitioning=False, glob=False)
    if wanted is not None:
        rows = rows.filter(pl.col("ticker").is_in(wanted))
    if table.time and start:
        rows = rows.filter(pl.col(table.time) >= start)
    if table.time and end:
        rows = rows.filter(pl.col(table.time) < end)
    return _newest(table, rows, entries, asof) if table.is_revisable else rows


def may_hold(
    table: TableSpec,
    entry: FileEntry,
    wanted: Sequence[str] | None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> bool:
    """Tell whether a file may hold rows of the tickers `wanted` (None: of any) with start ≤ time < end."""
    if wanted is not None and table.key[0] == "ticker":
        low, high = entry.key_min[0], entry.key_max[0]
        if not any(low <= ticker <= high for ticker in wanted):
            return False
    if start and entry.time_max is not None and datetime.fromisoformat(entry.time_max) < start:
        return False
    return not (end and entry.time_min is not None and datetime.fromisoformat(entry.time_min) >= end)


def _utc(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise UsageError("start, end and asof need a time zone, e.g. datetime(2013, 9, 2, tzinfo=UTC)")
    return moment.astimezone(UTC) if moment else None


def _newest(table: TableSpec, rows: pl.LazyFrame, entries: Sequence[FileEntry], asof: datetime | None) -> pl.LazyFrame:
    """Keep the newest row known at `asof` of each key; where nothing is superseded there is nothing to compare."""
    if asof and any(datetime.fromisoformat(entry.known_at_max or "") > asof for entry in entries):
        rows = rows.filter(pl.col("known_at") <= asof)
    if not any(entry.n_superseded for entry in entries):
        return rows
    base = [name for name in table.key if name != "known_at"]
    kept = rows.unique(subset=base, keep="last", maintain_order=True)
    return kept.filter(~pl.col("is_deleted")) if "is_deleted" in table.polars_schema else kept
