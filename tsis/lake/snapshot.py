"""A snapshot names one version of every table; the current one is what readers see."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from tsis.core.errors import IntegrityError
from tsis.lake.durable import replace_file

CURRENT = "_snapshot.json"
FOLDER = "_snapshots"


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
    """Return the snapshot that readers see; an empty one for a new lake."""
    path = root / CURRENT
    return read_snapshot(path) if path.exists() else Snapshot()


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
    content = snapshot.to_bytes()
    kept = root / FOLDER / f"{snapshot.id}.json"
    if not kept.exists():
        replace_file(kept, content)
    replace_file(root / CURRENT, content)
