"""One run's writing: candidates that nobody sees, then one snapshot that everybody sees."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import polars as pl

from tsis.core.errors import StoreError, UsageError
from tsis.core.table import TableSpec
from tsis.lake.contract import check_contract
from tsis.lake.durable import replace_file
from tsis.lake.lock import locked
from tsis.lake.manifest import FileEntry, Manifest, schema_fingerprint
from tsis.lake.merge import merged, merged_batches, replaced
from tsis.lake.parquet import frame_batches, write_partition
from tsis.lake.partition import partition_of
from tsis.lake.quarantine import set_aside
from tsis.lake.snapshot import Snapshot, current_snapshot, promote

if TYPE_CHECKING:
    from tsis.lake.store import Lake

_STAGING = "_staging"
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}


@dataclass(frozen=True)
class Publication:
    """What a publication did: the new version, its rows in all, and what was set aside."""

    version: str
    rows: int
    rows_quarantined: int
    quarantine: Path | None


class Transaction:
    """Writes tables under their locks, reads its own outputs over the snapshot at its start, commits once.

    Parameters
    ----------
    lake : the lake.
    tables : the tables that it may write; their locks are taken in name order and held to the end.
    wait_s : how long to wait for another writer of these tables.
    """

    def __init__(self, lake: Lake, tables: Iterable[TableSpec], wait_s: float) -> None:
        self._lake = lake
        self._writable = {table.name: table for table in tables}
        self._wait_s = wait_s
        self._locks = ExitStack()
        self._base = Snapshot()
        self._changes: dict[str, str] = {}
        self._staging = lake.root / _STAGING / uuid4().hex

    def __enter__(self) -> Self:
        """Take the locks, repair what a crash left, and fix the snapshot to read from."""
        try:
            for name in sorted(self._writable):
                self._locks.enter_context(locked(self._lake.lock_path(name), name, self._wait_s))
            with self._commit_lock():
                self._lake.align_manifests()
                self._base = current_snapshot(self._lake.root)
        except BaseException:
            self._locks.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the locks; what was not committed stays invisible until `tsis lake gc` removes it."""
        shutil.rmtree(self._staging, ignore_errors=True)
        self._locks.close()
        if isinstance(error, OSError) and error.errno in _UNWRITABLE:
            raise StoreError(
                f"could not write under {self._lake.root}: {error.strerror or error}; readers still see what was "
                "there before. Make room or give write access, then run again"
            ) from error

    def version(self, table: str) -> str | None:
        """Return the version of a table that this transaction sees, None where it has none."""
        return self._changes.get(table) or self._base.tables.get(table)

    def scan(
        self,
        table: str,
        tickers: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        asof: datetime | None = None,
    ) -> pl.LazyFrame:
        """Read a table as this transaction sees it; arguments as `Lake.scan`."""
        return self._lake.scan_version(table, self.version(table), tickers, start, end, asof)

    def replace(self, table: str, rows: pl.DataFrame, tickers: Sequence[str] | None = None) -> Publication:
        """Publish `rows` in place of all rows, or of the rows of `tickers`.

        Raises
        ------
        ContractError
            If any row breaks the contract.
        """
        spec = self.spec(table)
        rows = check_contract(spec, rows).good
        before = self._manifest(spec)
        if tickers is None or before is None or before.schema != schema_fingerprint(spec):
            return self._rewrite(spec, (), rows, lambda _, added: added.sort(spec.key))
        stale = sorted(tickers)
        touched = {
            entry.partition
            for entry in before.files
            if any(entry.key_min[0] <= ticker <= entry.key_max[0] for ticker in stale)
        }
        return self._rewrite(
            spec, before.files, rows, lambda stored, added: replaced(spec, stored, added, stale), touched
        )

    def append(self, table: str, rows: pl.DataFrame) -> Publication:
        """Publish `rows` beside those that are there; rows that are known already change nothing.

        Raises
        ------
        RevisionError
            If a known key arrives with other values.
        """
        spec = self.spec(table)
        checked = check_contract(spec, rows)
        aside = set_aside(self._lake.root, table, checked.bad) if checked.bad.height else None
        before = self._compatible(spec)
        entries = before.files if before else ()
        published = self._rewrite(spec, entries, checked.good, lambda stored, added: merged(spec, stored, added))
        return Publication(published.version, published.rows, checked.bad.height, aside)

    def stage(self, table: str, rows: pl.DataFrame, origin: str) -> Publication:
        """Set a part of a large delivery ready for `append_staged`; bad rows are quarantined now."""
        spec = self.spec(table)
        checked = check_contract(spec, rows)
        aside = set_aside(self._lake.root, table, checked.bad) if checked.bad.height else None
        split = checked.good.with_columns(_origin=pl.lit(origin), _partition=partition_of(spec))
        for (partition,), part in split.partition_by("_partition", as_dict=True, include_key=False).items():
            folder = self._staging / table / str(partition)
            folder.mkdir(parents=True, exist_ok=True)
            part.write_parquet(folder / f"{uuid4().hex}.parquet", compression="lz4")
        return Publication(self.version(table) or "", checked.good.height, checked.bad.height, aside)

    def append_staged(self, table: str, *, has_vendor_seq: bool) -> Publication:
        """Publish everything staged for `table`, a partition at a time, in bounded memory; rules as `append`."""
        spec = self.spec(table)
        before = self._compatible(spec)
        folder = self._lake.folder(spec)
        entries = list(before.files) if before else []
        staged: dict[str, list[Path]] = {}
        for path in sorted((self._staging / table).rglob("*.parquet")):
            relative = path.parent.relative_to(self._staging / table).as_posix()
            staged.setdefault("" if relative == "." else relative, []).append(path)
        spill = self._staging / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        for partition, paths in sorted(staged.items()):
            stored = [folder / entry.path for entry in entries if entry.partition == partition]
            batches = merged_batches(spec, stored, paths, spill, has_vendor_seq=has_vendor_seq)
            written = write_partition(spec, folder, partition, batches)
            entries = [entry for entry in entries if entry.partition != partition] + written
        shutil.rmtree(self._staging / table, ignore_errors=True)
        return self._record(spec, entries)

    def adopt(self, table: str, version: str) -> bool:
        """Take an earlier version as this transaction's output; False if its files are gone."""
        spec = self.spec(table)
        if not self._lake.has_version(spec, version):
            return False
        self._changes[table] = version
        return True

    def commit(self, note: str) -> Snapshot:
        """Make everything published here what readers see, in one step.

        Parameters
        ----------
        note : who commits, for the history, e.g. the run's id.
        """
        with self._commit_lock():
            before = current_snapshot(self._lake.root)
            snapshot = Snapshot({**before.tables, **self._changes})
            if snapshot != before:
                promote(self._lake.root, snapshot)
                self._lake.align_manifests()
                self._lake.log_snapshot(snapshot, note)
        self._base, self._changes = snapshot, {}
        return snapshot

    def _commit_lock(self) -> AbstractContextManager[None]:
        return locked(self._lake.lock_path("_commit"), "the snapshot", self._wait_s)

    def spec(self, table: str) -> TableSpec:
        """Return the declaration of a table that this transaction may write."""
        if table not in self._writable:
            raise UsageError(f"{table} was not announced as written by this transaction")
        return self._writable[table]

    def _manifest(self, spec: TableSpec) -> Manifest | None:
        version = self.version(spec.name)
        return self._lake.manifest(spec, version) if version else None

    def _compatible(self, spec: TableSpec) -> Manifest | None:
        before = self._manifest(spec)
        if before and before.schema != schema_fingerprint(spec):
            raise StoreError(
                f"{spec.name}: the lake holds {before.rows:,} rows of another column layout; "
                "ingest them anew into a fresh lake (--lake DIR)"
            )
        return before

    def _rewrite(
        self,
        spec: TableSpec,
        entries: Sequence[FileEntry],
        rows: pl.DataFrame,
        combine: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame],
        touched: Iterable[str] = (),
    ) -> Publication:
        """Write anew the partitions that `rows` fall in and those `touched`; the others keep their files."""
        folder = self._lake.folder(spec)
        parts = {
            str(name): part
            for (name,), part in rows.with_columns(_partition=partition_of(spec))
            .partition_by("_partition", as_dict=True, include_key=False)
            .items()
        }
        kept = list(entries)
        for partition in sorted({*parts, *touched}):
            stored = [folder / entry.path for entry in kept if entry.partition == partition]
            held = pl.read_parquet(stored, hive_partitioning=False) if stored else spec.empty()
            combined = combine(held, parts.get(partition, spec.empty()))
            kept = [entry for entry in kept if entry.partition != partition]
            if not combined.is_empty():
                kept += write_partition(spec, folder, partition, frame_batches(spec, combined))
        return self._record(spec, kept)

    def _record(self, spec: TableSpec, entries: list[FileEntry]) -> Publication:
        in_order = sorted(entries, key=lambda entry: entry.partition)
        manifest = Manifest(spec.name, schema_fingerprint(spec), tuple(in_order))
        path = self._lake.manifest_path(spec, manifest.version)
        if not path.exists():
            replace_file(path, manifest.to_bytes())
        self._changes[spec.name] = manifest.version
        return Publication(manifest.version, manifest.rows, 0, None)
