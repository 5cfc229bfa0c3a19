"""Removes what no version in use names."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tsis.core.errors import LockTimeoutError
from tsis.core.table import TableSpec
from tsis.lake.lock import locked
from tsis.lake.snapshot import FOLDER, read_snapshot
from tsis.lake.store import Lake

PINS = "_pins.txt"


@dataclass(frozen=True)
class Removal:
    """What was removed, and which tables were left alone because somebody is writing them."""

    files: int
    bytes: int
    busy: tuple[str, ...]


def pin(lake: Lake, version: str) -> None:
    """Keep a snapshot id or manifest hash for ever."""
    path = lake.root / PINS
    known = path.read_text().split() if path.exists() else []
    if version not in known:
        path.write_text("\n".join([*known, version]) + "\n")


def collect_garbage(lake: Lake, now: datetime, retention: timedelta, repository: Path | None = None) -> Removal:
    """Remove files and manifests that no root names.

    Roots: the current snapshot, snapshots of the history younger than `retention`, what is pinned, what ``dvc.lock`` of
    any git reference of `repository` names, and everything written within `retention`. A table that is being written is
    left alone.
    """
    files = size = 0
    busy: list[str] = []
    with locked(lake.lock_path("_commit"), "the snapshot", 60.0):
        hashes = _dvc_hashes(repository) if repository else set()
        roots = _rooted_versions(lake, now - retention)
        for name, spec in sorted(lake.tables.items()):
            if not lake.folder(spec).exists():
                continue
            with ExitStack() as held:
                try:
                    held.enter_context(locked(lake.lock_path(name), name, 0.0))
                except LockTimeoutError:
                    busy.append(name)
                    continue
                for path in _unnamed(lake, spec, roots | hashes, now - retention):
                    size += path.stat().st_size
                    files += 1
                    path.unlink()
    staging = lake.root / "_staging"
    for folder in staging.iterdir() if staging.exists() and not busy else ():
        if _written_at(folder) < now - retention:
            shutil.rmtree(folder)
    return Removal(files, size, tuple(busy))


def _rooted_versions(lake: Lake, since: datetime) -> set[str]:
    """Return the manifest hashes that the current, the young and the pinned snapshots name, and pinned hashes."""
    pins = (lake.root / PINS).read_text().split() if (lake.root / PINS).exists() else []
    young = {entry["snapshot"] for entry in lake.history() if datetime.fromisoformat(entry["at"]) >= since}
    versions = set(lake.snapshot().tables.values()) | set(pins)
    for path in (lake.root / FOLDER).glob("*.json"):
        if path.stem in young or any(path.stem.startswith(name) for name in pins):
            versions |= set(read_snapshot(path).tables.values())
    return versions


def _unnamed(lake: Lake, spec: TableSpec, roots: set[str], since: datetime) -> list[Path]:
    folder = lake.folder(spec)
    kept: set[Path] = set()
    dropped: list[Path] = []
    for path in sorted((folder / "_history").glob("*.json")):
        rooted = any(path.stem.startswith(root) or _md5(path) == root for root in roots)
        if rooted or _written_at(path) >= since:
            kept.update(folder / entry.path for entry in lake.manifest(spec, path.stem).files)
        else:
            dropped.append(path)
    loose = [*folder.rglob("*.parquet"), *folder.rglob("*.tmp")]
    return dropped + sorted(path for path in loose if path not in kept and _written_at(path) < since)


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone()


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _dvc_hashes(repository: Path) -> set[str]:
    """Return the MD5 sums that ``dvc.lock`` of every git reference names."""
    refs = _git(repository, "for-each-ref", "--format=%(objectname)").split()
    found: set[str] = set()
    for ref in {*refs, "HEAD"}:
        found |= set(re.findall(r"md5: ([0-9a-f]{32})", _git(repository, "show", f"{ref}:dvc.lock")))
    working = repository / "dvc.lock"
    return found | set(re.findall(r"md5: ([0-9a-f]{32})", working.read_text() if working.exists() else ""))


def _git(repository: Path, *arguments: str) -> str:
    """Return what git prints; nothing where there is no repository, no such file or no git."""
    git = shutil.which("git")
    if git is None:
        return ""
    # a fixed program with arguments of our own: nothing from outside reaches it
    done = subprocess.run([git, "-C", str(repository), *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 else ""
