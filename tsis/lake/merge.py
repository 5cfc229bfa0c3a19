"""What a partition holds after a publication."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from tsis.core.errors import ContractError, RevisionError
from tsis.core.table import TableSpec
from tsis.lake.parquet import ROW_GROUP_ROWS, frame_batches
from tsis.lake.partition import partition_of

_MEMORY = "400MB"
_THREADS = 4
"""Fixed, since each thread needs its share of the memory."""


def merged(table: TableSpec, stored: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """Return stored and added rows, each without repeated keys, sorted by key; what is known already changes nothing.

    Raises
    ------
    RevisionError
        If a known key arrives with other values: a revision must carry a later ``known_at``.
    """
    key = list(table.key)
    if stored.is_empty():
        return added.sort(key)
    both = pl.concat([stored, added]).unique(keep="first", maintain_order=True)
    clashes = both.filter(~pl.struct(key).is_first_distinct())
    if not clashes.is_empty():
        raise _clash(table, clashes.height, clashes.select(key).row(0, named=True))
    return both.sort(key)


def merged_batches(
    table: TableSpec, stored: Sequence[Path], staged: Sequence[Path], spill: Path, *, has_vendor_seq: bool
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `stored` and `staged` files sorted by key, in bounded memory.

    Staged rows carry ``_origin`` beside the table's columns. Where the vendor gives no sequence numbers, ``seq``
    becomes 0, 1, 2, … among the rows of one origin, ticker and time, in the order of the file.

    Raises
    ------
    RevisionError
        As `merged`.
    """
    columns = [f'"{name}"' for name in table.polars_schema]
    ranked = list(columns)
    if "seq" in table.polars_schema and not has_vendor_seq:
        rank = "row_number() over (partition by _origin, ticker, ts order by seq) - 1 as seq"
        ranked[columns.index('"seq"')] = rank
    source = "read_parquet(${}, hive_partitioning = false)"
    parts = [f"select {', '.join(ranked)} from {source.format('staged')}"]
    files = {"staged": [glob.escape(str(path)) for path in staged]}
    if stored:
        parts.append(f"select {', '.join(columns)} from {source.format('stored')}")
        files["stored"] = [glob.escape(str(path)) for path in stored]
    key = ", ".join(f'"{name}"' for name in table.key)
    query = f"select * from ({' union all by name '.join(parts)}) order by {key}"
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set memory_limit = '{_MEMORY}'")
        connection.execute(f"set threads = {_THREADS}")
        connection.execute("set temp_directory = $spill", {"spill": str(spill)})
        connection.execute("set preserve_insertion_order = false")
        last = table.empty()
        reader: pa.RecordBatchReader = connection.sql(query, params=files).to_arrow_reader(ROW_GROUP_ROWS)
        for batch in reader:
            rows = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch]).cast(table.arrow_schema)))
            if rows.is_empty():
                continue
            distinct = _without_repeats(table, last, rows)
            last = rows.tail(1)
            yield from frame_batches(table, distinct)


def _without_repeats(table: TableSpec, last: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Drop rows equal to the one before; refuse rows that share only its key."""
    both = pl.concat([last, rows])
    same_key = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in table.key)
    same_row = pl.all_horizontal(pl.all().eq_missing(pl.all().shift(1)))
    marked = both.with_columns(_key=same_key, _row=same_row).slice(last.height)
    clashes = marked.filter(pl.col("_key") & ~pl.col("_row"))
    if not clashes.is_empty():
        raise _clash(table, clashes.height, clashes.select(table.key).row(0, named=True))
    return marked.filter(~pl.col("_row")).drop("_key", "_row")


def stays(table: TableSpec, since: Mapping[str, datetime | None]) -> pl.Expr:
    """Return an expression for the rows that remain where those of each ticker in `since` known after its time go."""
    kept = ~pl.col("ticker").is_in(list(since))
    if any(since.values()):
        times = pl.col("ticker").replace_strict(since, default=None, return_dtype=pl.Datetime("us", "UTC"))
        kept |= (pl.col(str(table.known)) <= times).fill_null(value=False)
    return kept


def in_turn(table: TableSpec, stored: pl.DataFrame, parts: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield stored and added rows sorted by key, a piece for each of `parts`, whose tickers must follow each other.

    Raises
    ------
    ContractError
        If the tickers of a part do not come behind those of the part before.
    RevisionError
        As `merged`.
    """
    rest, waiting = stored, table.empty()
    for part in parts:
        if part.is_empty():
            continue
        if not waiting.is_empty():
            first, last = str(part["ticker"].min()), str(waiting["ticker"].max())
            if not last < first:
                raise ContractError(f"{table.name}: rows of {first} come behind those of {last}")
            is_before = pl.col("ticker") < first
            yield merged(table, rest.filter(is_before), waiting)
            rest = rest.filter(~is_before)
        waiting = part
    yield merged(table, rest, waiting)


def refuse_moved(table: TableSpec, stored: pl.LazyFrame, added: pl.DataFrame) -> None:
    """Refuse rows whose key lies in another partition already, where the key does not fix the partition.

    Raises
    ------
    RevisionError
        As `merged`, which compares within one partition.
    """
    key = list(table.key)
    placed = stored.select(*key, _there=partition_of(table))
    here = added.lazy().select(*key, _here=partition_of(table))
    moved = here.join(placed, on=key).filter(pl.col("_here") != pl.col("_there")).select(key).sort(key).collect()
    if not moved.is_empty():
        raise _clash(table, moved.height, moved.row(0, named=True))


def _clash(table: TableSpec, count: int, first: dict[str, object]) -> RevisionError:
    where = ", ".join(f"{name}={value}" for name, value in first.items())
    remedy = (
        "a revision must be told its time of publication with --known-at"
        if table.is_revisable
        else "a published row can't be changed"
    )
    if "seq" in table.polars_schema:
        remedy += "; files that part in the middle of one timestamp need a seq column, or to be joined first"
    return RevisionError(f"{table.name}: {count:,} rows have a known key but other values (first: {where}); {remedy}")
