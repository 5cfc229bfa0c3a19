"""What a source is, and what it hands to the ingestion."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from tsis.core.params import Params

R = TypeVar("R", bound=Params)
MAX_ROWS = 500_000
"""Most rows of one batch."""
REJECTED = pl.Schema({"source_file": pl.String, "row": pl.Int64, "reason": pl.String, "content": pl.String})
"""Columns of the rows that could not be typed; `row` counts the file's data rows from 1."""


@dataclass(frozen=True)
class Batch:
    """Rows of one table, as parsed.

    Parameters
    ----------
    table : ``zone.table``.
    rows : typed exactly as the table's contract; its value rules (null, positive, not crossed) are not yet checked.
    rejected : rows that could not be typed, with the columns of `REJECTED`.
    n_out_of_order : rows whose time is before the same ticker's row before them; they are kept.
    origin : the file, or the first and last of several.
    has_vendor_seq : whether ``seq`` is the vendor's. Otherwise it is the row's number in its file, to be ranked within
        (ticker, ts).
    """

    table: str
    rows: pl.DataFrame
    rejected: pl.DataFrame
    n_out_of_order: int
    origin: str
    has_vendor_seq: bool = False


@dataclass(frozen=True)
class Source(Generic[R]):
    """A vendor or format that delivers batches.

    Parameters
    ----------
    name : what ``tsis ingest NAME`` takes.
    description : one line.
    request : what to fetch; its fields become the options of the command line.
    batches : checks the request at once, then yields batches of at most `MAX_ROWS` rows while it reads.
    files : the files that a delivery is made of; where they are those of an earlier one, nothing is read again. None
        for a source that can't tell.
    """

    name: str
    description: str
    request: type[R]
    batches: Callable[[R], Iterator[Batch]]
    files: Callable[[R], Sequence[Path]] | None = None


AnySource = Source[Any]


def rejection(file: str, rows: Iterable[tuple[int, str, object]]) -> pl.DataFrame:
    """Return rejected rows as a frame; each is its number, the reason and the content, which becomes JSON."""
    data = [(file, row, reason, json.dumps(content, default=str)) for row, reason, content in rows]
    return pl.DataFrame(data, schema=REJECTED, orient="row")


def coalesced(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Join neighbouring batches of one table up to `MAX_ROWS`, so that many small files are few publications.

    Batches of ticks stay as they are: the order within one time is counted file by file, so that no file may be cut.
    """
    held: list[Batch] = []
    for batch in batches:
        if "seq" in batch.rows.columns:
            yield batch
            continue
        n_rows = sum(other.rows.height for other in held) + batch.rows.height
        if held and (batch.table != held[0].table or n_rows > MAX_ROWS):
            yield _joined(held)
            held = []
        held.append(batch)
    if held:
        yield _joined(held)


def _joined(batches: Sequence[Batch]) -> Batch:
    first, last = batches[0], batches[-1]
    if len(batches) == 1:
        return first
    return replace(
        first,
        rows=pl.concat([batch.rows for batch in batches]),
        rejected=pl.concat([batch.rejected for batch in batches]),
        n_out_of_order=sum(batch.n_out_of_order for batch in batches),
        origin=f"{first.origin} … {last.origin} ({len(batches)} files)",
    )
