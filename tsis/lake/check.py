"""Holds what lies on disk against what the manifests say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tsis.core.errors import IntegrityError
from tsis.core.table import TableSpec
from tsis.lake.integrity import affected_rows, damage
from tsis.lake.manifest import FileEntry, Manifest
from tsis.lake.parquet import is_content_named
from tsis.lake.snapshot import CURRENT, FOLDER, Snapshot, read_snapshot
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

    Altered: a byte differs from the SHA-256 in a manifest, or from the one in the file's name. Foreign: a Parquet file
    that no kept manifest names and that no interrupted publication left. Every version that is kept is checked, not the
    current one alone. What a crash leaves (unnamed whole files, ``.tmp``) is no finding: nobody reads it, and `gc`
    removes it.
    """
    try:
        current = lake.snapshot()
    except IntegrityError:
        path = lake.root / CURRENT
        yield Finding("lake", path, "altered snapshot" if path.exists() else "missing file", "every row of every table")
        current = Snapshot()
    yield from _check_snapshots(lake, current)
    for name in sorted(lake.tables):
        yield from _check_table(lake, lake.tables[name], current)
    yield from _strays(lake)


def _check_snapshots(lake: Lake, current: Snapshot) -> Iterator[Finding]:
    kept = lake.root / FOLDER / f"{current.id}.json"
    if current.tables and not kept.exists():
        yield Finding("lake", kept, "missing file", "time travel to the current snapshot, and its files after `gc`")
    snapshots = {"current": current}
    for path in sorted((lake.root / FOLDER).glob("*.json")):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.stem:
            yield Finding("lake", path, "altered snapshot", f"time travel to {path.stem[:12]}")
        else:
            snapshots[path.stem] = read_snapshot(path)
    lost: dict[Path, Finding] = {}
    for named_by, snapshot in snapshots.items():
        for name, version in snapshot.tables.items():
            if name in lake.tables and not (path := lake.manifest_path(lake.tables[name], version)).exists():
                affected = "all rows" if named_by == "current" else f"all rows at snapshot {named_by[:12]}"
                lost.setdefault(path, Finding(name, path, "missing file", affected))
    yield from lost.values()


def _check_table(lake: Lake, spec: TableSpec, snapshot: Snapshot) -> Iterator[Finding]:
    folder = lake.folder(spec)
    current = snapshot.tables.get(spec.name)
    named: dict[str, FileEntry] = {}
    for path in sorted((folder / "_history").glob("*.json")):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != path.stem:
            yield Finding(spec.name, path, "altered manifest", _version_rows(path.stem, current))
        else:
            named.update({entry.path: entry for entry in Manifest.from_bytes(content, path).files})
    yield from _check_alignment(lake, spec, snapshot)
    for entry in named.values():
        if problem := damage(folder / entry.path, entry, is_hashed=True):
            yield Finding(spec.name, folder / entry.path, problem, affected_rows(entry))
    for path in sorted(folder.rglob("*.parquet")):
        if path.relative_to(folder).as_posix() not in named and not is_content_named(path):
            affected = f"none of the table's ({_row_count(path)})"
            yield Finding(spec.name, path, "foreign file that no manifest names", affected)


def _check_alignment(lake: Lake, spec: TableSpec, snapshot: Snapshot) -> Iterator[Finding]:
    """Compare ``_manifest.json``; an earlier one is what an interrupted commit leaves to the next transaction."""
    aligned = lake.folder(spec) / "_manifest.json"
    version = snapshot.tables.get(spec.name)
    if version is None or not lake.manifest_path(spec, version).exists():
        return
    found = hashlib.sha256(aligned.read_bytes()).hexdigest() if aligned.exists() else None
    is_interrupted = not lake.is_logged(snapshot)
    if found != version and not (is_interrupted and (found is None or lake.manifest_path(spec, found).exists())):
        yield Finding(spec.name, aligned, "not the manifest that the snapshot names", "readers that use it directly")


def _strays(lake: Lake) -> Iterator[Finding]:
    """Yield Parquet files in the zones that lie in no declared table."""
    folders = {lake.folder(spec) for spec in lake.tables.values()}
    for zone in sorted({lake.root / spec.zone for spec in lake.tables.values()}):
        for path in sorted(zone.rglob("*.parquet")):
            if folders.isdisjoint(path.parents):
                yield Finding(zone.name, path, "foreign file outside every table", f"none ({_row_count(path)})")


def _version_rows(version: str, current: str | None) -> str:
    return "all rows of the current version" if version == current else f"all rows of version {version[:12]}"


def _row_count(path: Path) -> str:
    try:
        return f"{pq.ParquetFile(path).metadata.num_rows:,} rows of its own"
    except (OSError, ValueError):
        return "not even a Parquet file"
