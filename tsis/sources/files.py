"""CSV and Parquet files of any vendor, described by a column mapping, a time zone and a delay."""

from __future__ import annotations

import difflib
import glob
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import AwareDatetime, Field

from tsis.core.errors import DataError, UsageError, some
from tsis.core.names import require_ticker
from tsis.core.params import Params
from tsis.core.table import TableSpec
from tsis.sources.delimited import file_chunks
from tsis.sources.protocol import Batch, Source
from tsis.sources.times import Ambiguous, TimeRule
from tsis.sources.typed import PROVENANCE, Typing, parse, table_spec

_SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".csv.zst", ".txt", ".txt.gz", ".tsv", ".tsv.gz", ".parquet")
_BAR_S = {"raw.ohlcv_1m": 60.0, "raw.ohlcv_1h": 3600.0}
_ENOUGH_TO_JUDGE = 100


class FilesRequest(Params):
    """Which files, and how their columns become a table's.

    A column of the file that the mapping does not name but that is called like one of the table's is taken as that,
    except for source, is_synthetic, is_deleted and known_at, which must be mapped to count.
    """

    path: Annotated[str, Field(description="A file, a folder, or a pattern such as 'ticks/*.csv.gz'")]
    table: Annotated[str, Field(description="The table to fill, such as raw.trades")]
    ticker: Annotated[str | None, Field(description="Ticker of all rows, where no column has it")] = None
    columns: dict[str, str] = Field(
        default_factory=dict, description="The file's column → the table's, such as Price=price"
    )
    timezone: Annotated[str, Field(description="IANA zone of times that carry no offset")] = "UTC"
    time_format: Annotated[
        str | None, Field(description="strftime pattern, or epoch_s, _ms, _us, _ns; ISO 8601 where it is left out")
    ] = None
    ambiguous: Annotated[
        Ambiguous, Field(description="A local time that occurs twice when clocks go back: reject, earliest or latest")
    ] = "reject"
    delimiter: Annotated[str, Field(description="Between the fields of a CSV", min_length=1, max_length=1)] = ","
    calendar: Annotated[
        str | None, Field(description="Exchange calendar whose sessions daily rows cover, such as XNYS")
    ] = None
    bar_seconds: Annotated[float | None, Field(description="Length of a bar, where no column has its end", gt=0)] = None
    delay_s: Annotated[float, Field(description="From the end of a row to its being known, in seconds", ge=0)] = 0.0
    known_at: Annotated[
        AwareDatetime | None, Field(description="When these rows were published; required for a correction")
    ] = None
    source: Annotated[str, Field(description="Name under which the rows are stored", min_length=1)] = "files"
    is_synthetic: Annotated[bool, Field(description="Set for generated rows")] = False


def batches(request: FilesRequest) -> Iterator[Batch]:
    """Check the request, then return an iterator over the batches of its files in name order.

    Raises
    ------
    UsageError
        If the table, ticker, time zone or calendar does not exist, or, on reading, if a mapped or required column is
        not in a file.
    DataError
        If no file matches, or, on reading, if one is empty, truncated or split by another delimiter.
    """
    table = table_spec(request.table)
    if request.ticker is not None:
        require_ticker(request.ticker)
    times = TimeRule(request.timezone, request.time_format, request.ambiguous)
    paths = _paths(request.path)
    return _read(request, table, times, paths)


def _read(request: FilesRequest, table: TableSpec, times: TimeRule, paths: Sequence[Path]) -> Iterator[Batch]:
    common = Path(os.path.commonpath([path.parent for path in paths]))  # two folders may hold files of one name
    for path in paths:
        typing: Typing | None = None
        last_ts: dict[str, datetime] = {}
        is_understood = False
        for chunk in file_chunks(path, request.delimiter):
            if typing is None:
                typing = _typing(request, table, times, chunk.frame.columns, path)
            batch = parse(chunk, typing, path.relative_to(common).as_posix(), last_ts)
            is_understood |= not batch.rows.is_empty()
            if not is_understood and batch.rejected.height >= _ENOUGH_TO_JUDGE:
                first = batch.rejected.row(0, named=True)
                raise DataError(
                    f"{path}: none of the first {batch.rejected.height:,} rows can be typed (row {first['row']}: "
                    f"{first['reason']}); check the columns, the time format and the delimiter"
                )
            if "ts" in batch.rows.columns:
                last_ts |= dict(batch.rows.group_by("ticker").agg(pl.col("ts").last()).iter_rows())
            yield batch


def _paths(path: str) -> list[Path]:
    place = Path(path).expanduser()
    if place.is_dir():
        found = [file for file in sorted(place.rglob("*")) if file.name.lower().endswith(_SUFFIXES)]
    elif place.exists():
        found = [place]
    else:
        found = [Path(file) for file in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207  absolute patterns
    if not found:
        raise DataError(f"no file matches {path}: check the path (a folder is searched for {', '.join(_SUFFIXES)})")
    return found


def _typing(request: FilesRequest, table: TableSpec, times: TimeRule, names: Sequence[str], path: Path) -> Typing:
    for vendor, ours in request.columns.items():
        if vendor not in names:
            raise UsageError(f"{path} has no column '{vendor}'{_nearest(vendor, names)}; it has {some(names, 20)}")
        if ours not in table.columns:
            raise UsageError(f"{table.name} has no column '{ours}'{_nearest(ours, list(table.columns))}")
    taken = {ours: vendor for vendor, ours in request.columns.items()}
    if len(taken) < len(request.columns):
        raise UsageError(f"two columns of {path} are mapped to the same column of {table.name}: {request.columns}")
    for name in names:
        if name in table.columns and name not in PROVENANCE and name not in request.columns:
            taken.setdefault(name, name)
    constants: dict[str, object] = {}
    if request.ticker is not None and "ticker" in table.columns:
        constants["ticker"] = request.ticker
    for name, value in (("source", request.source), ("is_synthetic", request.is_synthetic)):
        if name in table.columns and name not in taken:
            constants[name] = value
    bar_s = request.bar_seconds or _BAR_S.get(table.name)
    typing = Typing(
        table=table,
        columns=taken,
        constants=constants,
        times=times,
        calendar=request.calendar if "ts_close" in table.columns else None,
        bar_s=bar_s,
        delay_s=request.delay_s,
        known_at=request.known_at,
    )
    _require(typing, names, path)
    return typing


def _require(typing: Typing, names: Sequence[str], path: Path) -> None:
    """Refuse a file that lacks what the table can't be without."""
    table = typing.table
    missing = [name for name in table.columns if name not in typing.given]
    if "known_at" in missing and (typing.end is not None or typing.known_at is not None):
        missing.remove("known_at")
    if "ts_close" in missing and (typing.calendar is not None or typing.bar_s is not None):
        missing.remove("ts_close")
    if not missing:
        return
    nearest = difflib.get_close_matches(missing[0], names, n=1, cutoff=0.4)
    remedy = f"map it, such as columns {nearest[0] if nearest else names[0]}={missing[0]}"
    if missing[0] == "ticker":
        remedy = "map a column to it or give ticker"
    if missing[0] == "ts_close":
        remedy = "map a column to it, or give calendar (daily bars) or bar_seconds"
    raise UsageError(f"{path} lacks {', '.join(missing)} of {table.name}: {remedy}; its columns are {some(names, 20)}")


def _nearest(name: str, names: Sequence[str]) -> str:
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return f"; did you mean '{found[0]}'?" if found else ""


FILES = Source(
    name="files",
    description="CSV, CSV.gz and Parquet files of any vendor, with a column mapping",
    request=FilesRequest,
    batches=batches,
    files=lambda request: _paths(request.path),
)
