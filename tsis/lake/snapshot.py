"""A snapshot names one version of every table; the current one is what readers see."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tsis.core.errors import IntegrityError
from tsis.lake.durable import replace_file

CURRENT = "_snapshot.json"
FOLDER = "_snapshots"
HISTORY = "governance/snapshots.jsonl"


@dataclass(frozen=True)
class Snapshot:
    """Table name to manifest hash. It holds no clock: equal lakes have equal snapshots."""

    tables: dict[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return (json.dumps({"tables": self.tables}, indent=1, sort_keys=True) + "\n").encode()

    @property
    def id(self) -> str:
        """Return the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def current_snapshot(root: Path) -> Snapshot:
    """Return the snapshot that readers see; an empty one for a new lake.

    Raises
    ------
    IntegrityError
        If it is not a snapshot, or missing from a lake that has a history.
    """
    # asked first: the history begins after the first snapshot is in place
    has_history = (root / HISTORY).exists()
    path = root / CURRENT
    if path.exists():
        return read_snapshot(path)
    if has_history:
        raise IntegrityError(
            f"{path} is missing; copy the one that the last line of {HISTORY} names from {FOLDER} to it"
        )
    return Snapshot()


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot.

    Raises
    ------
    IntegrityError
        If the file is not a snapshot.
    """
    try:
        tables = json.loads(path.read_bytes())["tables"]
        return Snapshot({str(name): str(version) for name, version in tables.items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(
            f"{path} is not a snapshot ({type(error).__name__}); copy a good one from {path.parent / FOLDER} over it"
        ) from error


def promote(root: Path, snapshot: Snapshot) -> None:
    """Make `snapshot` the one that readers see; the replacement of one file is the promotion."""
    keep(root, snapshot)
    replace_file(root / CURRENT, snapshot.to_bytes())


def keep(root: Path, snapshot: Snapshot) -> Path:
    """Write the copy of `snapshot` that time travel reads, where it is missing, and return it."""
    kept = root / FOLDER / f"{snapshot.id}.json"
    if not kept.exists():
        replace_file(kept, snapshot.to_bytes())
    return kept


@contextmanager
def in_use(kept: Path) -> Iterator[None]:
    """Mark a kept snapshot as read by this process, so that `gc` leaves what it names; vanishes with the process."""
    descriptor = os.open(kept, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def is_in_use(kept: Path) -> bool:
    """Tell whether a running transaction reads a kept snapshot; ask under the commit lock."""
    descriptor = os.open(kept, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
