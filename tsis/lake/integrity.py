"""Whether a stored file is the one that its manifest names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tsis.core.errors import IntegrityError
from tsis.core.table import TableSpec
from tsis.lake.durable import file_sha256
from tsis.lake.manifest import FileEntry


def damage(path: Path, entry: FileEntry, *, is_hashed: bool) -> str | None:
    """Return what is wrong with a file, None where nothing is.

    Parameters
    ----------
    is_hashed : read the file and compare its SHA-256; otherwise only that it is there, and its size.
    """
    if not path.exists():
        return "missing file"
    size = path.stat().st_size
    if size != entry.bytes:
        return f"altered file ({size:,} bytes, not {entry.bytes:,})"
    if is_hashed and file_sha256(path) != entry.sha256:
        return "altered file (SHA-256 differs)"
    return None


def affected_rows(entry: FileEntry) -> str:
    """Return how many rows a file holds, and from which key to which."""
    return f"{entry.rows:,} rows, key {' '.join(entry.key_min)} to {' '.join(entry.key_max)}"


def intact_files(table: TableSpec, folder: Path, entries: Iterable[FileEntry], *, is_hashed: bool) -> list[Path]:
    """Return the paths of files that are about to be read.

    Raises
    ------
    IntegrityError
        If one is missing or altered, with the rows that it affects.
    """
    paths = []
    for entry in entries:
        path = folder / entry.path
        if problem := damage(path, entry, is_hashed=is_hashed):
            raise IntegrityError(
                f"{table.name}: {path}: {problem}; affected: {affected_rows(entry)}; "
                "restore it from a copy, then run 'tsis lake check'"
            )
        paths.append(path)
    return paths
