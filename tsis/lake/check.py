"""Holds what lies on disk against what the manifests say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tsis.core.errors import IntegrityError
from tsis.lake.durable import file_sha256
from tsis.lake.manifest import FileEntry, Manifest
from tsis.lake.snapshot import CURRENT
from tsis.lake.store import Lake


@dataclass(frozen=True)
class Finding:
    """Something wrong: which file, what, and which rows it affects."""

    table: str
    path: Path
    problem: str
    affected: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.table}: {self.path}: {self.problem}; affected: {self.affected}"


def check_lake(lake: Lake) -> Iterator[Finding]:
    """Yield every altered, missing or foreign file of the lake.

    Altered: a byte differs from the SHA-256 in a manifest that is kept. Foreign: a Parquet file that no kept manifest
    names. Every version that is kept is checked, not the current one alone.
    """
    snapshot = lake.snapshot()
    if not (lake.root / CURRENT).exists() and any(lake.root.rglob("_history/*.json")):
        yield Finding("lake", lake.root / CURRENT, "missing file", "every table: readers see an empty lake")
    for name, version in snapshot.tables.items():
        if name in lake.tables and not lake.manifest_path(lake.tables[name], version).exists():
            yield Finding(name, lake.manifest_path(lake.tables[name], version), "missing file", "all rows")
    for name in sorted(lake.tables):
        yield from _check_table(lake, name, snapshot.tables.get(name))


def _check_table(lake: Lake, name: str, current: str | None) -> Iterator[Finding]:
    spec = lake.tables[name]
    folder = lake.folder(spec)
    named: dict[str, FileEntry] = {}
    for path in sorted((folder / "_history").glob("*.json")):
        try:
            manifest = Manifest.from_bytes(path.read_bytes(), path)
        except IntegrityError:
            yield Finding(name, path, "altered manifest", _version_rows(path.stem, current))
            continue
        if manifest.version != path.stem:
            yield Finding(name, path, "altered manifest", _version_rows(path.stem, current))
        named.update({entry.path: entry for entry in manifest.files})
    if current and not _is_aligned(folder, lake.manifest_path(spec, current)):
        yield Finding(
            name, folder / "_manifest.json", "not the manifest that the snapshot names", "readers that use it directly"
        )
    for entry in named.values():
        yield from _check_file(name, folder / entry.path, entry)
    on_disk = {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
    for foreign in sorted(on_disk - set(named)):
        rows = _row_count(folder / foreign)
        yield Finding(name, folder / foreign, "foreign file that no manifest names", f"none of the table's ({rows})")


def _check_file(name: str, path: Path, entry: FileEntry) -> Iterator[Finding]:
    rows = f"{entry.rows:,} rows, key {' '.join(entry.key_min)} to {' '.join(entry.key_max)}"
    if not path.exists():
        yield Finding(name, path, "missing file", rows)
    elif path.stat().st_size != entry.bytes or file_sha256(path) != entry.sha256:
        yield Finding(name, path, "altered file (SHA-256 differs)", rows)


def _is_aligned(folder: Path, kept: Path) -> bool:
    aligned = folder / "_manifest.json"
    return not kept.exists() or (aligned.exists() and aligned.read_bytes() == kept.read_bytes())


def _version_rows(version: str, current: str | None) -> str:
    return "all rows of the current version" if version == current else f"all rows of version {version[:12]}"


def _row_count(path: Path) -> str:
    try:
        return f"{pq.ParquetFile(path).metadata.num_rows:,} rows of its own"
    except (OSError, ValueError):
        return "not even a Parquet file"
