"""The lake: reads a snapshot, hands out transactions, knows where things lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from tsis.core.clock import Clock, SystemClock
from tsis.core.errors import IntegrityError, StoreError, UnknownNameError
from tsis.core.table import TableSpec
from tsis.lake.durable import append_line, last_line, replace_if_changed, whole_lines
from tsis.lake.manifest import Manifest
from tsis.lake.scan import scan_manifest
from tsis.lake.snapshot import FOLDER, HISTORY, Snapshot, current_snapshot, read_snapshot
from tsis.lake.transaction import Publication, Transaction

_INSTRUMENTS = "reference.tickers_dim"


class Lake:
    """Tables of Parquet files under one folder.

    Parameters
    ----------
    root : the folder; created by the first publication.
    tables : name to declaration, e.g. from `tsis.runtime.tables`.
    clock : stamps the history of snapshots; nothing else.
    wait_s : how long a writer waits for another writer of the same table.
    """

    def __init__(
        self, root: Path, tables: Mapping[str, TableSpec], clock: Clock | None = None, wait_s: float = 60.0
    ) -> None:
        self.root = root.absolute()
        self.tables = dict(tables)
        self._clock = clock or SystemClock()
        self._wait_s = wait_s

    def spec(self, table: str) -> TableSpec:
        """Return a table's declaration; the zone may be left out where the name is unique.

        Raises
        ------
        UnknownNameError
            If there is none, with the nearest name.
        """
        if table in self.tables:
            return self.tables[table]
        matches = [spec for spec in self.tables.values() if spec.table == table]
        if len(matches) == 1:
            return matches[0]
        raise UnknownNameError("table", table, [*self.tables, *(spec.table for spec in self.tables.values())])

    def snapshot(self) -> Snapshot:
        """Return what readers see now."""
        return current_snapshot(self.root)

    def transaction(self, tables: Iterable[str]) -> Transaction:
        """Return a transaction that may write `tables`; use it in a with statement and commit."""
        return Transaction(self, [self.spec(table) for table in tables], self._wait_s)

    def append(self, table: str, rows: pl.DataFrame) -> Publication:
        """Publish and commit `rows` beside those that are there; see `Transaction.append`."""
        name = self.spec(table).name
        with self.transaction([name]) as transaction:
            publication = transaction.append(name, rows)
            transaction.commit(f"append {name}")
        return publication

    def replace(self, table: str, rows: pl.DataFrame, tickers: Sequence[str] | None = None) -> Publication:
        """Publish and commit `rows` in place of others; see `Transaction.replace`."""
        name = self.spec(table).name
        with self.transaction([name]) as transaction:
            publication = transaction.replace(name, rows, tickers)
            transaction.commit(f"replace {name}")
        return publication

    def scan(
        self,
        table: str,
        tickers: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        asof: datetime | None = None,
        version: str | None = None,
    ) -> pl.LazyFrame:
        """Return rows of a table, files pruned by the manifest and row groups by their statistics.

        Parameters
        ----------
        table : its name, with or without the zone.
        tickers : keep these; None keeps all.
        start, end : keep start ≤ time < end of the table's time column.
        asof : keep of each row the newest state known at this time; None: the newest that the lake holds.
        version : a manifest hash, a snapshot id, or an unambiguous beginning (8 characters or more) of either;
            None reads the current snapshot.

        What is returned reads its files when it is collected: collect it within the retention of `tsis lake gc`.

        Raises
        ------
        UnknownNameError
            If the table does not exist, or a ticker is neither in reference.tickers_dim, where that has rows, nor in
            the table.
        UsageError
            If a ticker can't be one, a time has no zone, or the table has no such column (`asof`: no known_at).
        StoreError
            If the version is unknown, or a file that would be read is missing or of another size.
        """
        spec = self.spec(table)
        found = self.snapshot().tables.get(spec.name) if version is None else self._resolve(spec, version)
        rows = self.scan_version(spec.name, found, tickers, start, end, asof)
        self._refuse_unknown(spec, found, tickers or ())
        return rows

    def _refuse_unknown(self, spec: TableSpec, version: str | None, tickers: Sequence[str]) -> None:
        """Refuse a mistyped ticker where there is a tickers_dim; the table is asked only for what that lacks."""
        known = self._tickers(_INSTRUMENTS, self.snapshot().tables.get(_INSTRUMENTS)) if tickers else set()
        if not known or set(tickers) <= known:
            return
        known |= self._tickers(spec.name, version)
        for ticker in tickers:
            if ticker not in known:
                raise UnknownNameError(f"ticker in {spec.name}", ticker, known)

    def _tickers(self, table: str, version: str | None) -> set[str]:
        if version is None or table not in self.tables:
            return set()
        return set(self.scan_version(table, version).select("ticker").unique().collect()["ticker"])

    def scan_version(
        self,
        table: str,
        version: str | None,
        tickers: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        asof: datetime | None = None,
    ) -> pl.LazyFrame:
        """Return rows of one manifest; None is the empty table."""
        spec = self.spec(table)
        manifest = self.manifest(spec, version) if version else None
        return scan_manifest(self.folder(spec), spec, manifest, tickers, start, end, asof)

    def folder(self, spec: TableSpec) -> Path:
        """Return the folder of a table."""
        return self.root / spec.zone / spec.table

    def lock_path(self, name: str) -> Path:
        """Return the lock file of a table, or of the snapshot."""
        return self.root / "_locks" / f"{name}.lock"

    def manifest_path(self, spec: TableSpec, version: str) -> Path:
        """Return where the manifest of a version is kept."""
        return self.folder(spec) / "_history" / f"{version}.json"

    def manifest(self, spec: TableSpec, version: str) -> Manifest:
        """Read the manifest of a version and hold it against its name.

        Raises
        ------
        IntegrityError
            If it is missing or altered.
        """
        path = self.manifest_path(spec, version)
        if not path.exists():
            raise IntegrityError(f"{spec.name}: version {version[:12]} is gone ({path}); run 'tsis lake check'")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != version:
            raise IntegrityError(f"{spec.name}: {path} was altered; run 'tsis lake check'")
        return Manifest.from_bytes(content, path)

    def has_version(self, spec: TableSpec, version: str) -> bool:
        """Tell whether a version and all of its files are there."""
        if not self.manifest_path(spec, version).exists():
            return False
        folder = self.folder(spec)
        return all((folder / entry.path).exists() for entry in self.manifest(spec, version).files)

    def finish_commit(self, note: str) -> None:
        """Bring ``_manifest.json`` of every table and the history up to the current snapshot; done already: nothing.

        Called under the commit lock: by a commit after its promotion, and by the next transaction where a commit was
        interrupted in between.
        """
        snapshot = self.snapshot()
        for name, version in snapshot.tables.items():
            if name not in self.tables:
                continue
            kept = self.manifest_path(self.tables[name], version)
            current = self.folder(self.tables[name]) / "_manifest.json"
            content = kept.read_bytes() if kept.exists() else b""
            if content:
                replace_if_changed(current, content)
        if snapshot.tables and not self.is_logged(snapshot):
            entry = {"at": self._clock.now().isoformat(), "snapshot": snapshot.id, "note": note}
            append_line(self.root / HISTORY, json.dumps(entry))

    def is_logged(self, snapshot: Snapshot) -> bool:
        """Tell whether `snapshot` is the last of the history; if the current one is not, its commit was interrupted."""
        last = last_line(self.root / HISTORY)
        return last is not None and json.loads(last)["snapshot"] == snapshot.id

    def history(self) -> list[dict[str, str]]:
        """Return the history of snapshots, oldest first."""
        return [json.loads(line) for line in whole_lines(self.root / HISTORY)]

    def _resolve(self, spec: TableSpec, version: str) -> str | None:
        """Return the manifest hash that a version or snapshot means; None where that snapshot has no such table."""
        folders = (self.folder(spec) / "_history", self.root / FOLDER)
        named = {path.stem for folder in folders for path in folder.glob("*.json")}
        matches = [name for name in named if len(version) >= 8 and name.startswith(version)]
        if len(matches) != 1:
            what = "is not known" if not matches else "is ambiguous"
            raise StoreError(f"{spec.name}: version '{version}' {what}; 'tsis lake history' lists them")
        if self.manifest_path(spec, matches[0]).exists():
            return matches[0]
        return read_snapshot(self.root / FOLDER / f"{matches[0]}.json").tables.get(spec.name)
