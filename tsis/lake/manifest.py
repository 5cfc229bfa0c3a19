"""A manifest names the files that are one version of a table; equal data gives an equal manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tsis.core.errors import IntegrityError
from tsis.core.table import TableSpec


@dataclass(frozen=True)
class FileEntry:
    """One immutable file of a version.

    `key_min` and `key_max` are the first and the last key as ISO text; `time_min` and `time_max` likewise, None for
    timeless tables. `n_superseded` counts rows that a later ``known_at`` replaces or deletes; where it is zero, reading
    the newest state needs no comparison of rows.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    key_min: tuple[str, ...]
    key_max: tuple[str, ...]
    time_min: str | None
    time_max: str | None
    known_at_max: str | None
    n_superseded: int

    @property
    def partition(self) -> str:
        """Return the partition folder, empty for unpartitioned tables."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class Manifest:
    """One version of a table. It holds no clock and no run id.

    `files` are in partition order, and within a partition in key order.
    """

    table: str
    schema: str
    files: tuple[FileEntry, ...]

    @property
    def rows(self) -> int:
        """Return the number of rows stored, superseded ones included."""
        return sum(entry.rows for entry in self.files)

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        content: dict[str, Any] = {
            "table": self.table,
            "schema": self.schema,
            "rows": self.rows,
            "files": [vars(entry) for entry in self.files],
        }
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()

    @cached_property
    def version(self) -> str:
        """Return the SHA-256 of the canonical JSON: the table's version."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> Manifest:
        """Read a manifest.

        Raises
        ------
        IntegrityError
            If the content is not a manifest.
        """
        try:
            data = json.loads(content)
            files = tuple(
                FileEntry(**{**entry, "key_min": tuple(entry["key_min"]), "key_max": tuple(entry["key_max"])})
                for entry in data["files"]
            )
            return cls(data["table"], data["schema"], files)
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(
                f"{path} is not a manifest ({type(error).__name__}: {error}); see 'tsis lake check'"
            ) from error


def schema_fingerprint(table: TableSpec) -> str:
    """Return the SHA-256 of names, types and nullability of the columns, and of what orders and divides the rows."""
    columns = [(field.name, str(field.type), field.nullable) for field in table.arrow_schema]
    layout = [columns, table.key, table.time, table.partition]
    return hashlib.sha256(json.dumps(layout).encode()).hexdigest()
