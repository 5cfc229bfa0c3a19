"""One run's writing: candidates that nobody sees, then one snapshot that everybody sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import polars as pl
import polars.selectors as cs

from tsis.core.errors import ContractError, StoreError, UsageError, some
from tsis.core.table import TableSpec
from tsis.lake.contract import check_contract, describe
from tsis.lake.durable import replace_file
from tsis.lake.integrity import intact_files
from tsis.lake.lock import locked
from tsis.lake.manifest import FileEntry, Manifest, schema_fingerprint
from tsis.lake.merge import in_turn, merged_batches, refuse_moved, stays
from tsis.lake.parquet import frame_batches, write_partition
from tsis.lake.partition import rows_by_partition
from tsis.lake.quarantine import set_aside
from tsis.lake.scan import may_hold
from tsis.lake.snapshot import Snapshot, current_snapshot, in_use, keep, promote
from tsis.lake.staging import Staging
from tsis.lake.unwritable import unwritable, writing

if TYPE_CHECKING:
    from tsis.lake.store import Lake

_KEPT = "readers still see what was there before"
_COMMITTED = "what was published is in effect, and the next publication completes the history and _manifest.json"
_WRITERS = 2
"""Partitions that are written at a time: more would hold more of a table in memory; of what was on hold, one."""


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
        self._held = ExitStack()
        self._is_open = False
        self._base = Snapshot()
        self._changes: dict[str, str] = {}
        self._staging = Staging(lake.root)

    def __enter__(self) -> Self:
        """Take the locks, complete what a crash interrupted, and fix the snapshot to read from."""
        with ExitStack() as held, writing(self._lake.root, _KEPT):
            for name in sorted(self._writable):
                held.enter_context(locked(self._lake.lock_path(name), name, self._wait_s))
            with self._commit_lock():
                self._lake.finish_commit("completed after an interruption")
                self._base = current_snapshot(self._lake.root)
                self._use(held, self._base)
            self._held = held.pop_all()
        self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the locks; what was not committed stays invisible until `tsis lake gc` removes it."""
        self._staging.remove()
        self._is_open = False
        self._held.close()
        if translated := unwritable(self._lake.root, error, _KEPT):
            raise translated from error

    def version(self, table: str) -> str | None:
        """Return the version of a table that this transaction sees, None where it has none."""
        name = self._lake.spec(table).name
        return self._changes.get(name) or self._base.tables.get(name)

    def candidates(self) -> dict[str, str]:
        """Return the versions that a commit would promote now: of tables that differ from the snapshot at its start."""
        return {name: version for name, version in self._changes.items() if version != self._base.tables.get(name)}

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

    def require_layout(self, table: str) -> None:
        """Refuse a table that the lake holds with other columns than declared.

        Raises
        ------
        StoreError
            With what writes it anew.
        """
        self._compatible(self._lake.spec(table))

    def n_rows(self, table: str) -> int:
        """Return how many rows `scan` gives; where none was revised the manifest tells."""
        manifest = self._manifest(self._lake.spec(table))
        if manifest is None or not any(entry.n_superseded for entry in manifest.files):
            return manifest.rows if manifest else 0
        return int(self.scan(table).select(pl.len()).collect().item())

    def replace(self, table: str, rows: pl.DataFrame, tickers: Sequence[str] | None = None) -> Publication:
        """Publish `rows`, behind those on hold, in place of all rows, or of the rows of `tickers`.

        Where the lake holds the table in another column layout, `rows` take the place of all rows in either case.

        Raises
        ------
        ContractError
            If any row breaks the contract, or is of another ticker than `tickers`.
        """
        if tickers is not None:
            return self.replace_since(table, rows, dict.fromkeys(tickers))
        spec = self.require_conforming(table, rows)
        return self._rewrite(spec, (), rows)

    def replace_since(self, table: str, rows: pl.DataFrame, since: Mapping[str, datetime | None]) -> Publication:
        """Publish `rows`, behind those on hold, in place of those of each ticker in `since` known after its time.

        None for a time: all of its rows.

        Raises
        ------
        ContractError
            If any row breaks the contract, or is of another ticker.
        StoreError
            If rows would stay that the lake holds in another column layout.
        RevisionError
            If a row has the key of one that stays.
        """
        spec = self.require_conforming(table, rows)
        _refuse_foreign(spec, rows, sorted(since))
        before = self._compatible(spec) if any(since.values()) else self._manifest(spec)
        if before is None or before.schema != schema_fingerprint(spec):
            return self._rewrite(spec, (), rows)
        touched = {
            entry.partition
            for entry in before.files
            if any(may_hold(spec, entry, [ticker], start) for ticker, start in since.items())
        }
        return self._rewrite(spec, before.files, rows, stays(spec, since), touched)

    def hold(self, rows: Mapping[str, pl.DataFrame]) -> None:
        """Keep rows of some tables on disk until the next `replace` or `replace_since`, which needs little memory then.

        In each partition the tickers must come behind those of the calls before, as those that are published in the end
        must, too.

        Raises
        ------
        ContractError
            If any row breaks the contract; then nothing is held.
        """
        for table, frame in rows.items():
            self.require_conforming(table, frame)
        for table, frame in rows.items():
            self._staging.hold(self.spec(table), frame)

    def let_go(self, table: str) -> None:
        """Remove what is on hold."""
        self._staging.forget(self.spec(table))

    def require_conforming(self, table: str, rows: pl.DataFrame) -> TableSpec:
        """Return the declaration of `table` where `rows` could be published.

        Raises
        ------
        ContractError
            If any row breaks the contract.
        """
        spec = self.spec(table)
        checked = check_contract(spec, rows)
        if checked.bad.height:
            raise ContractError(describe(spec, checked.bad, rows.height))
        return spec

    def append(self, table: str, rows: pl.DataFrame) -> Publication:
        """Publish `rows` beside those that are there; rows that are known already change nothing.

        Raises
        ------
        RevisionError
            If a known key arrives with other values.
        """
        spec = self.spec(table)
        good, n_bad, aside = self._admit(spec, rows)
        before = self._compatible(spec)
        if spec.partition != "none" and spec.time not in spec.key:
            refuse_moved(spec, self.scan(spec.name), good)
        entries = before.files if before else ()
        published = self._rewrite(spec, entries, good)
        return Publication(published.version, published.rows, n_bad, aside)

    def stage(self, table: str, rows: pl.DataFrame, origin: str) -> Publication:
        """Set a part of a large delivery ready for `append_staged`; bad rows are quarantined now."""
        spec = self.spec(table)
        good, n_bad, aside = self._admit(spec, rows)
        self._staging.add(spec, good, origin)
        return Publication(self.version(spec.name) or "", good.height, n_bad, aside)

    def append_staged(self, table: str, *, has_vendor_seq: bool) -> Publication:
        """Publish everything staged for `table`, a partition at a time, in bounded memory; rules as `append`."""
        spec = self.spec(table)
        before = self._compatible(spec)
        folder = self._lake.folder(spec)
        kept = list(before.files) if before else []
        spill = self._staging.spill_folder()
        for partition, paths in self._staging.parts(spec).items():
            stored = self._stored(spec, kept, partition)
            batches = merged_batches(spec, stored, paths, spill, has_vendor_seq=has_vendor_seq)
            written = write_partition(spec, folder, partition, batches)
            kept = [entry for entry in kept if entry.partition != partition] + written
        self._staging.forget(spec)
        return self._record(spec, kept)

    def adopt(self, table: str, version: str) -> bool:
        """Take an earlier version as this transaction's output; False if its files are gone."""
        spec = self.spec(table)
        if not self._lake.has_version(spec, version):
            return False
        self._changes[spec.name] = version
        return True

    @contextmanager
    def wholly(self, tables: Iterable[str]) -> Iterator[None]:
        """Forget what was published of `tables` within the block where it raises; others may publish beside it."""
        before = {name: self._changes.get(name) for name in tables}
        try:
            yield
        except BaseException:
            for name, version in before.items():
                if version is None:
                    self._changes.pop(name, None)
                else:
                    self._changes[name] = version
            raise

    def commit(self, note: str) -> Snapshot:
        """Make everything published here what readers see, in one step.

        Parameters
        ----------
        note : who commits, for the history, e.g. the run's id.
        """
        self._require_open()
        with self._commit_lock():
            before = current_snapshot(self._lake.root)
            snapshot = Snapshot({**before.tables, **self._changes})
            try:
                if snapshot != before:
                    promote(self._lake.root, snapshot)
                self._lake.finish_commit(note)
                self._use(self._held, snapshot)
            except OSError as error:
                is_promoted = current_snapshot(self._lake.root) == snapshot
                if translated := unwritable(self._lake.root, error, _COMMITTED if is_promoted else _KEPT):
                    raise translated from error
                raise
        self._base, self._changes = snapshot, {}
        return snapshot

    def _commit_lock(self) -> AbstractContextManager[None]:
        return locked(self._lake.lock_path("_commit"), "the snapshot", self._wait_s)

    def _use(self, held: ExitStack, snapshot: Snapshot) -> None:
        if snapshot.tables:
            held.enter_context(in_use(keep(self._lake.root, snapshot)))

    def _require_open(self) -> None:
        if not self._is_open:
            raise UsageError("the transaction is not open: its locks are held inside its with statement only")

    def spec(self, table: str) -> TableSpec:
        """Return the declaration of a table that this transaction may write."""
        self._require_open()
        name = self._lake.spec(table).name
        if name not in self._writable:
            raise UsageError(f"{name} was not announced as written by this transaction")
        return self._writable[name]

    def _manifest(self, spec: TableSpec) -> Manifest | None:
        version = self.version(spec.name)
        return self._lake.manifest(spec, version) if version else None

    def _compatible(self, spec: TableSpec) -> Manifest | None:
        before = self._manifest(spec)
        if before and before.schema != schema_fingerprint(spec):
            raise StoreError(
                f"{spec.name}: the lake holds {before.rows:,} rows of another layout (columns, key or partition); "
                "'tsis run' makes anew what a stage writes; ingest into a fresh lake (--lake DIR) what was ingested"
            )
        return before

    def _rewrite(
        self,
        spec: TableSpec,
        entries: Sequence[FileEntry],
        rows: pl.DataFrame,
        stays: pl.Expr | None = None,
        touched: Iterable[str] = (),
    ) -> Publication:
        """Write anew the partitions that `rows` or those on hold fall in, and those `touched`; the others stay.

        Stored rows remain where `stays` is true, None for everywhere.
        """
        folder = self._lake.folder(spec)
        parts = rows_by_partition(spec, rows)
        held = self._staging.held(spec)
        wanted = sorted({*parts, *held, *touched})

        def rewritten(partition: str) -> list[FileEntry]:
            kept = _read(spec, self._stored(spec, entries, partition), stays)
            last = rows[parts[partition]] if partition in parts else rows.clear()
            added = chain((read() for read in held.get(partition, ())), [last])
            batches = (batch for piece in in_turn(spec, kept, added) for batch in frame_batches(spec, piece))
            return write_partition(spec, folder, partition, batches)

        # compressing and syncing leave the interpreter to others; the entries come in the order of partitions
        with ThreadPoolExecutor(1 if held else _WRITERS, thread_name_prefix=spec.table) as pool:
            written = [entry for part in pool.map(rewritten, wanted) for entry in part]
        return self._record(spec, [entry for entry in entries if entry.partition not in wanted] + written)

    def _admit(self, spec: TableSpec, rows: pl.DataFrame) -> tuple[pl.DataFrame, int, Path | None]:
        """Return the rows that may be appended, and how many were set aside where.

        In a vendor's rows a negative zero becomes zero: the two are equal, so either may be what is known already.
        """
        checked = check_contract(spec, rows)
        good = checked.good.with_columns(cs.float() + 0.0) if spec.quarantines else checked.good
        if checked.bad.is_empty():
            return good, 0, None
        bad = checked.bad.rename({"_reason": "reason"})
        return good, bad.height, set_aside(self._lake.root, spec.name, bad)

    def _stored(self, spec: TableSpec, entries: Iterable[FileEntry], partition: str) -> list[Path]:
        """Return the files of a partition that is about to be rewritten: damaged rows must not get a new hash."""
        held = [entry for entry in entries if entry.partition == partition]
        return intact_files(spec, self._lake.folder(spec), held, is_hashed=True)

    def _record(self, spec: TableSpec, entries: list[FileEntry]) -> Publication:
        in_order = sorted(entries, key=lambda entry: entry.partition)
        manifest = Manifest(spec.name, schema_fingerprint(spec), tuple(in_order))
        path = self._lake.manifest_path(spec, manifest.version)
        if not path.exists():
            replace_file(path, manifest.to_bytes())
        self._changes[spec.name] = manifest.version
        return Publication(manifest.version, manifest.rows, 0, None)


def _read(spec: TableSpec, paths: list[Path], stays: pl.Expr | None) -> pl.DataFrame:
    """Return the rows of files for which `stays` is true, None for all of them."""
    if not paths:
        return spec.empty()
    stored = pl.scan_parquet(paths, hive_partitioning=False, glob=False)
    return stored.filter(stays if stays is not None else True).collect()


def _refuse_foreign(spec: TableSpec, rows: pl.DataFrame, tickers: Sequence[str]) -> None:
    if "ticker" not in spec.polars_schema:
        raise UsageError(f"{spec.name} has no column ticker; replace all of its rows")
    n_foreign = rows.filter(~pl.col("ticker").is_in(tickers)).height
    if n_foreign:
        raise ContractError(f"{spec.name}: {n_foreign:,} rows are of other tickers than {some(tickers)}")
