"""Parquet files whose bytes depend on nothing but their rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tsis.core.table import TableSpec
from tsis.lake.durable import file_sha256, make_folder, sync
from tsis.lake.manifest import FileEntry

ROW_GROUP_ROWS = 131_072
FILE_ROWS = 128 * ROW_GROUP_ROWS
_NAME_LENGTH = 24


def frame_batches(table: TableSpec, rows: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    """Yield `rows` as record batches of the table's Arrow schema."""
    for part in rows.iter_slices(ROW_GROUP_ROWS):
        yield from _stored(table, part).to_batches(max_chunksize=ROW_GROUP_ROWS)


def one_batch(table: TableSpec, rows: pl.DataFrame) -> pa.RecordBatch:
    """Return `rows` as one record batch of the table's Arrow schema."""
    return _stored(table, rows).combine_chunks().to_batches()[0]


def _stored(table: TableSpec, rows: pl.DataFrame) -> pa.Table:
    stored = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(stored.columns, table.arrow_schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=table.arrow_schema)


def write_partition(
    table: TableSpec, folder: Path, partition: str, batches: Iterable[pa.RecordBatch]
) -> list[FileEntry]:
    """Write sorted rows as the canonical files of a partition and return their entries.

    One file, or several of `FILE_ROWS`. Fixed codec, level and row-group size, one contiguous write a row group: how
    the rows came in batches does not show. A file is named by its SHA-256; one that exists is replaced by its equal,
    which mends a damaged one and keeps it from `gc` until it is committed.
    """
    target = folder / partition
    if not target.exists():
        make_folder(target)
    groups = _row_groups(table, batches)
    entries: list[FileEntry] = []
    before: pa.Table | None = None
    group = next(groups, None)
    while group is not None:
        temporary = target / f"{os.getpid()}-{len(entries)}.tmp"
        try:
            rows, bounds = 0, _Bounds(table, before)
            with pq.ParquetWriter(
                temporary,
                table.arrow_schema,
                compression="zstd",
                compression_level=3,
                write_statistics=True,
                use_dictionary=_repeating(table),
            ) as writer:
                while group is not None and rows < FILE_ROWS:
                    writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
                    bounds.add(group)
                    rows, group = rows + group.num_rows, None  # before the next is made
                    group = next(groups, None)
            sync(temporary)
            digest = file_sha256(temporary)
            path = target / f"{digest[:_NAME_LENGTH]}.parquet"
            size = temporary.stat().st_size
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        name = f"{partition}/{path.name}" if partition else path.name
        entries.append(bounds.entry(name, rows, size, digest))
        before = bounds.tail
    sync(target)
    return entries


def is_content_named(path: Path) -> bool:
    """Tell whether a file is named by its own content, as those that are written here."""
    return len(path.stem) == _NAME_LENGTH and file_sha256(path).startswith(path.stem)


def _row_groups(table: TableSpec, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    pending: list[pa.RecordBatch] = []
    waiting = 0
    for batch in batches:
        pending.append(batch)
        waiting += batch.num_rows
        while waiting >= ROW_GROUP_ROWS:
            joined = pa.Table.from_batches(pending, table.arrow_schema)
            rest = joined.slice(ROW_GROUP_ROWS)
            pending, waiting = rest.to_batches(), rest.num_rows
            columns = joined.slice(0, ROW_GROUP_ROWS).columns
            del joined, rest
            yield _contiguous(table, columns)
    if waiting:
        columns, pending = pa.Table.from_batches(pending, table.arrow_schema).columns, []
        yield _contiguous(table, columns)


def _contiguous(table: TableSpec, columns: list[pa.ChunkedArray]) -> pa.Table:
    """Return a table of one chunk; `columns` are taken out: a row group of a wide table is a quarter of a gigabyte."""
    joined = []
    while columns:
        joined.append(columns.pop().combine_chunks())
    return pa.Table.from_arrays(joined[::-1], schema=table.arrow_schema)


def _repeating(table: TableSpec) -> list[str]:
    """Return the columns that are worth a dictionary: prices of a market come back, computed numbers hardly ever."""
    return [field.name for field in table.arrow_schema if table.zone == "raw" or not pa.types.is_floating(field.type)]


class _Bounds:
    """Collects the first and last key, the time range, and what later rows supersede, over sorted row groups.

    `tail` is the key of the last row without ``known_at``; the first row of the next file may supersede it.
    """

    def __init__(self, table: TableSpec, tail: pa.Table | None) -> None:
        self._table = table
        self._first: tuple[str, ...] = ()
        self._last: tuple[str, ...] = ()
        self._times: list[tuple[str, str]] = []
        self._known: list[str] = []
        self._superseded = 0
        self.tail = tail

    def add(self, group: pa.Table) -> None:
        key = group.select(list(self._table.key))
        self._first = self._first or _key_text(key.slice(0, 1))
        self._last = _key_text(key.slice(key.num_rows - 1))
        if self._table.time:
            self._times.append(_min_max(group[self._table.time]))
        if self._table.is_revisable:
            self._known.append(_min_max(group["known_at"])[1])
            self._superseded += self._count_superseded(group)

    def _count_superseded(self, group: pa.Table) -> int:
        base = [name for name in self._table.key if name != "known_at"]
        keys = pl.DataFrame(pl.from_arrow(group.select(base)))
        tail = keys if self.tail is None else pl.concat([pl.DataFrame(pl.from_arrow(self.tail)), keys])
        same = int(tail.select((pl.struct(base) == pl.struct(base).shift(1)).sum()).item() or 0)
        self.tail = group.select(base).slice(group.num_rows - 1)
        deleted = pc.sum(group["is_deleted"]).as_py() or 0 if "is_deleted" in group.column_names else 0
        return same + int(deleted)

    def entry(self, path: str, rows: int, size: int, digest: str) -> FileEntry:
        return FileEntry(
            path=path,
            rows=rows,
            bytes=size,
            sha256=digest,
            key_min=self._first,
            key_max=self._last,
            time_min=min((low for low, _ in self._times), default=None),
            time_max=max((high for _, high in self._times), default=None),
            known_at_max=max(self._known, default=None),
            n_superseded=self._superseded,
        )


def _key_text(row: pa.Table) -> tuple[str, ...]:
    return tuple(_text(value) for value in row.to_pylist()[0].values())


def _min_max(values: pa.ChunkedArray) -> tuple[str, str]:
    bounds = pc.min_max(values).as_py()
    return _text(bounds["min"]), _text(bounds["max"])


def _text(value: object) -> str:
    return value.isoformat(timespec="microseconds") if hasattr(value, "hour") else str(value)  # type: ignore[attr-defined]
