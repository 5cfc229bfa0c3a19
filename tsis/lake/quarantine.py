"""Rows that broke a contract, kept with their reason."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import polars as pl

from tsis.lake.durable import replace_file

FOLDER = "_quarantine"


def set_aside(root: Path, table: str, bad: pl.DataFrame) -> Path:
    """Store `bad` (with its column ``reason``) and return the file; the same rows twice are one file."""
    content = io.BytesIO()
    bad.write_parquet(content, compression="zstd", statistics=False)
    digest = hashlib.sha256(content.getbuffer()).hexdigest()
    path = root / FOLDER / table.replace(".", "/") / f"{digest[:24]}.parquet"
    if not path.exists():
        replace_file(path, content.getvalue())
    return path
