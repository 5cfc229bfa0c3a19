"""Rows that form a chain: each has the hash of the one before, so that none can be altered, removed or inserted unseen.

A row is its content, its `position` in the chain from 0, `previous` and `hash`; the hash covers all but itself. The
tail can be cut without a trace: who keeps the head elsewhere notices it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl

GENESIS: Final = "0" * 64
"""What stands before the first row."""

_LINKS = ("previous", "hash")


def chain_head(chain: pl.DataFrame) -> str:
    """Return the hash of the row of the last position, `GENESIS` for an empty chain."""
    return str(chain.sort("position")["hash"][-1]) if chain.height else GENESIS


def linked(chain: pl.DataFrame, contents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that append `contents` to `chain`, each with position, previous and hash."""
    previous, rows = chain_head(chain), []
    for position, content in enumerate(contents, chain.height):
        placed = {"position": position, **content}
        digest = _digest(placed, previous)
        rows.append({**placed, "previous": previous, "hash": digest})
        previous = digest
    return rows


def first_broken(chain: pl.DataFrame) -> int | None:
    """Return the first position at which a row is not the successor of the one before; None for a whole chain."""
    previous = GENESIS
    for position, row in enumerate(chain.sort("position").iter_rows(named=True)):
        content = {name: value for name, value in row.items() if name not in _LINKS}
        is_next = row["position"] == position and row["previous"] == previous
        if not is_next or row["hash"] != _digest(content, previous):
            return position
        previous = row["hash"]
    return None


def _digest(content: Mapping[str, Any], previous: str) -> str:
    told = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in {**content, "previous": previous}.items()
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
