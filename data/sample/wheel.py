"""Reads members of a wheel and writes Parquet so that equal data gives equal bytes; used by the make_* scripts here."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).resolve().parent


def member(name: str) -> bytes:
    """Return the bytes of `name` in the wheel whose path is the script's only argument."""
    if len(sys.argv) != 2:  # the script and one path
        sys.exit(f"usage: {Path(sys.argv[0]).name} WHEEL")
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        return wheel.read(name)


def write(table: pa.Table, file: str, *, dictionary: list[str], encoding: dict[str, str]) -> None:
    """Write `table` to this folder with a fixed codec, level and row group, and print its rows, bytes and SHA-256."""
    path = FOLDER / file
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=dictionary,
        column_encoding=encoding,
        row_group_size=500_000,
        store_schema=False,
    )
    content = path.read_bytes()
    print(f"| `{file}` | {table.num_rows:,} | {len(content):,} | `{hashlib.sha256(content).hexdigest()}` |")
