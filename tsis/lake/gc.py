"""Removes what no version in use names."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tsis.core.errors import LockTimeoutError, StoreError
from tsis.core.table import TableSpec
from tsis.lake.durable import replace_file
from tsis.lake.dvc_lock import dvc_hashes
from tsis.lake.lock import locked
from tsis.lake.snapshot import FOLDER, is_in_use, read_snapshot
from tsis.lake.staging import FOLDER as STAGING
from tsis.lake.store import Lake

PINS = "_pins.txt"
STATES = "_states"
"""Folder of what resumable stages remember, <stage>/<ticker>."""
_WAIT_S = 60.0


@dataclass(frozen=True)
class Removal:
    """What was removed, and which tables were left alone because somebody is writing them."""

    files: int
    bytes: int
    busy: tuple[str, ...]


def pin(lake: Lake, version: str) -> None:
    """Keep a snapshot or a manifest for ever.

    Parameters
    ----------
    version : its hash, or the beginning of it (8 characters or more).

    Raises
    ------
    StoreError
        If the lake has none of this name, or several.
    """
    folders = [lake.root / FOLDER, *(lake.folder(spec) / "_history" for spec in lake.tables.values())]
    with locked(lake.lock_path("_commit"), "the snapshot", _WAIT_S):
        known = {path.stem for folder in folders for path in folder.glob("*.json")}
        found = {name for name in known if len(version) >= 8 and name.startswith(version)}
        if len(found) != 1:
            raise StoreError(f"'{version}' names {len(found)} versions; give one of 'tsis lake history' to pin")
        pins = _pins(lake)
        if not found <= pins:
            replace_file(lake.root / PINS, ("\n".join(sorted(pins | found)) + "\n").encode())


def collect_garbage(lake: Lake, now: datetime, retention: timedelta, repository: Path | None = None) -> Removal:
    """Remove files, manifests and snapshots that no root names.

    Roots: the current snapshot, those that were current within `retention`, those that a running transaction reads,
    what is pinned, what ``dvc.lock`` of any git reference of `repository` names, and everything written within
    `retention`. A table that is being written is left alone. States of resumable stages that no run has written within
    `retention` go too: they are a cache.

    Raises
    ------
    StoreError
        If git can't tell what ``dvc.lock`` names: then nothing is removed.
    """
    since = now - retention
    files = size = 0
    busy: list[str] = []
    with ExitStack() as held:
        held.enter_context(locked(lake.lock_path("_commit"), "the snapshot", _WAIT_S))
        hashes = dvc_hashes(repository) if repository else set()
        snapshots = _snapshots_in_use(lake, since)
        roots = {version for path in snapshots for version in read_snapshot(path).tables.values()}
        roots |= set(lake.snapshot().tables.values()) | _pins(lake)
        doomed: list[Path] = []
        for name, spec in sorted(lake.tables.items()):
            try:
                held.enter_context(locked(lake.lock_path(name), name, 0.0))
            except LockTimeoutError:
                busy.append(name)
                continue
            doomed += _unnamed(lake, spec, roots, hashes, since)
        # snapshots first, then manifests, then files: an interruption leaves nothing that names what is gone
        unused = sorted(set((lake.root / FOLDER).glob("*.json")) - snapshots)
        leftovers = [*lake.root.glob("_*.tmp"), *(lake.root / FOLDER).glob("*.tmp")]
        for path in [*unused, *_manifests_first(doomed), *_older(leftovers, since)]:
            size += path.stat().st_size
            files += 1
            path.unlink()
        if not busy:
            unused_states = _older((lake.root / STATES).glob("*/*/segments.json"), since)
            staged = _older((lake.root / STAGING).glob("*"), since)
            for folder in [*staged, *(path.parent for path in unused_states)]:
                shutil.rmtree(folder)
            for path in list(_older((lake.root / STATES).rglob("*.tmp"), since)):
                path.unlink()
    return Removal(files, size, tuple(busy))


def _snapshots_in_use(lake: Lake, since: datetime) -> set[Path]:
    """Return the kept snapshots that are current, pinned, read by a transaction, young, or were current since then."""
    history = lake.history()
    ends = [datetime.fromisoformat(entry["at"]) for entry in history[1:]] + [datetime.max.replace(tzinfo=UTC)]
    names = {entry["snapshot"] for entry, end in zip(history, ends, strict=False) if end >= since}
    names |= {lake.snapshot().id} | _pins(lake)
    return {
        path
        for path in (lake.root / FOLDER).glob("*.json")
        if path.stem in names or _written_at(path) >= since or is_in_use(path)
    }


def _unnamed(lake: Lake, spec: TableSpec, roots: set[str], hashes: set[str], since: datetime) -> Iterator[Path]:
    folder = lake.folder(spec)
    kept: set[Path] = set()
    for path in sorted((folder / "_history").glob("*.json")):
        if path.stem in roots or _written_at(path) >= since or (hashes and _md5(path) in hashes):
            kept.update(folder / entry.path for entry in lake.manifest(spec, path.stem).files)
        else:
            yield path
    loose = [*folder.rglob("*.parquet"), *folder.rglob("*.tmp")]
    yield from sorted(set(_older(loose, since)) - kept)


def _manifests_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.suffix != ".json")


def _older(paths: Iterable[Path], since: datetime) -> list[Path]:
    return [path for path in paths if _written_at(path) < since]


def _pins(lake: Lake) -> set[str]:
    path = lake.root / PINS
    return set(path.read_text().split()) if path.exists() else set()


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone()


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
