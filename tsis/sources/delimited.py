"""Reads delimited text and Parquet in bounded chunks: a file of any size needs the memory of one chunk."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as arrow
import pyarrow.csv
import pyarrow.parquet

from tsis.core.errors import DataError

CHUNK_ROWS = 250_000
_BLOCK_BYTES = 4 << 20
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a file in the vendor's own columns (text, or a Parquet file's types).

    `row` numbers the data rows from 1; `malformed` lists the rows before or among them that have the wrong number of
    fields, as (row, reason, text).
    """

    frame: pl.DataFrame
    row: pl.Series
    malformed: tuple[tuple[int, str, str], ...] = ()


def file_chunks(path: Path, delimiter: str, *, min_columns: int = 2) -> Iterator[Chunk]:
    """Read a CSV (plain, gz, bz2, zst) or Parquet file; the format follows from its content, the codec from its name.

    Raises
    ------
    DataError
        If the file is missing, empty, truncated, not UTF-8, or split by another delimiter.
    """
    if not path.is_file():
        raise DataError(f"no file {path}: check the path")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes): fetch it again")
    with path.open("rb") as stream:
        is_parquet = stream.read(4) == b"PAR1"
    if is_parquet:
        yield from _parquet_chunks(path)
        return
    try:
        with arrow.input_stream(str(path), compression="detect") as stream:
            names = _header(stream.read(1 << 16), str(path), delimiter, min_columns)
        with arrow.input_stream(str(path), compression="detect") as stream:
            yield from text_chunks(stream, str(path), delimiter, names, has_header=True)
    except (arrow.ArrowInvalid, OSError, EOFError) as error:
        raise _broken(str(path), error) from error


def text_chunks(stream: Any, origin: str, delimiter: str, names: Sequence[str], *, has_header: bool) -> Iterator[Chunk]:
    """Read delimited UTF-8 from an open stream, every field as text.

    Raises
    ------
    DataError
        If the stream breaks off or is not UTF-8.
    """
    malformed: list[tuple[int, str, str]] = []

    def set_aside(line: Any) -> str:
        reason = f"{line.actual_columns} fields, expected {line.expected_columns}"
        malformed.append((line.number - has_header, reason, line.text))
        return "skip"

    try:
        reader = arrow.csv.open_csv(
            stream,
            read_options=arrow.csv.ReadOptions(
                column_names=list(names), skip_rows=int(has_header), block_size=_BLOCK_BYTES, use_threads=False
            ),
            parse_options=arrow.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=set_aside),
            convert_options=arrow.csv.ConvertOptions(column_types={name: arrow.string() for name in names}),
        )
        n_parsed = n_reported = 0
        for record_batch in reader:
            row = _numbers(n_parsed, record_batch.num_rows, [number for number, _, _ in malformed])
            n_parsed += record_batch.num_rows
            frame = pl.DataFrame(pl.from_arrow(record_batch))
            fresh, n_reported = tuple(malformed[n_reported:]), len(malformed)
            for offset in range(0, max(frame.height, 1), CHUNK_ROWS):
                part = slice(offset, offset + CHUNK_ROWS)
                yield Chunk(frame[part], row[part], fresh if offset == 0 else ())
        if len(malformed) > n_reported or n_parsed == 0:
            schema = dict.fromkeys(names, pl.String())
            yield Chunk(pl.DataFrame(schema=schema), pl.Series([], dtype=pl.Int64), tuple(malformed[n_reported:]))
    except (arrow.ArrowInvalid, OSError, EOFError) as error:
        raise _broken(origin, error) from error


def _parquet_chunks(path: Path) -> Iterator[Chunk]:
    try:
        # a small buffer and no pre-buffering: otherwise a row group of gigabytes is fetched whole
        with arrow.parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            first = 1
            if file.metadata.num_rows == 0:
                yield Chunk(pl.DataFrame(pl.from_arrow(file.read())), pl.Series([], dtype=pl.Int64))
            for record_batch in file.iter_batches(batch_size=CHUNK_ROWS, use_threads=False):
                frame = pl.DataFrame(pl.from_arrow(record_batch))
                yield Chunk(frame, pl.int_range(first, first + frame.height, eager=True))
                first += frame.height
    except (arrow.ArrowInvalid, OSError, EOFError) as error:
        raise _broken(str(path), error) from error


def _header(head: bytes, origin: str, delimiter: str, min_columns: int) -> list[str]:
    line = head.decode("utf-8-sig", errors="replace").partition("\n")[0].rstrip("\r")
    if not line.strip():
        raise DataError(f"{origin} has no header in its first line: fetch it again")
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    if len(names) < min_columns:
        others = [other for other in _DELIMITERS if other != delimiter and line.count(other) >= min_columns - 1]
        hint = f"; it looks like delimiter {others[0]!r} ({_DELIMITERS[others[0]]})" if others else ""
        raise DataError(f"{origin} has one column, {line[:80]!r}, when split by {delimiter!r}{hint}")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{origin} names a column twice: {', '.join(doubled)}; rename it in the file")
    return names


def _numbers(n_before: int, n_rows: int, skipped: list[int]) -> pl.Series:
    """Return the row numbers in the file of parsed rows, of which `n_before` came before, given the skipped ones."""
    parsed = np.arange(n_before + 1, n_before + n_rows + 1, dtype=np.int64)
    at = np.asarray(skipped, dtype=np.int64) - np.arange(len(skipped), dtype=np.int64)
    return pl.Series(parsed + np.searchsorted(at, parsed, side="right"))


def _broken(origin: str, error: Exception) -> DataError:
    return DataError(f"{origin} can't be read to its end (truncated, damaged or not UTF-8?): {error}; fetch it again")
