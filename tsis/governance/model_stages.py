"""The log of promotions and retirements: a chain in which no row can be altered, removed or inserted unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from tsis.core.errors import IntegrityError
from tsis.core.table import spec
from tsis.tables.governance.model_stages import ModelStages

GENESIS = "0" * 64


@dataclass(frozen=True)
class Change:
    """What a model became, before it is chained."""

    model: str
    model_version: str
    stage: str
    reason: str
    entry: str
    verdict_run_id: str | None
    changed_at: datetime


def chained(log: pl.DataFrame, changes: list[Change]) -> pl.DataFrame:
    """Return the rows that append `changes` to `log`."""
    previous = str(log.sort("position")["hash"][-1]) if log.height else GENESIS
    rows = []
    for position, change in enumerate(changes, log.height):
        content = {"position": position, **vars(change)}
        digest = _row_hash(content, previous)
        rows.append({**content, "previous": previous, "hash": digest})
        previous = digest
    return pl.DataFrame(rows, schema=spec(ModelStages).polars_schema)


def verify_stages(log: pl.DataFrame) -> None:
    """Check every link.

    Raises
    ------
    IntegrityError
        If a row was altered, removed or inserted. A tail that was cut leaves no trace here: the registry, which names
        what is active, then says something else than the log.
    """
    previous = GENESIS
    for position, row in enumerate(log.sort("position").iter_rows(named=True)):
        content = {name: value for name, value in row.items() if name not in ("previous", "hash")}
        is_intact = row["position"] == position and row["previous"] == previous
        if not is_intact or row["hash"] != _row_hash(content, previous):
            raise IntegrityError(
                f"governance.model_stages: the chain is broken at position {position:,} of {log.height:,}: a promotion "
                "or retirement was altered, removed or inserted; restore the log from a copy"
            )
        previous = row["hash"]


@dataclass(frozen=True)
class Standing:
    """What a version of a model is now.

    Parameters
    ----------
    stage : ``active`` or ``retired``; what is not in the log is a candidate.
    active_from, active_to : when it was promoted last, and retired after that.
    entry : its entry in the registry as it stood before the last change.
    """

    stage: str
    active_from: datetime | None
    active_to: datetime | None
    entry: Mapping[str, Any]


def standings(log: pl.DataFrame) -> dict[tuple[str, str], Standing]:
    """Return what each (model, version) of the log is now, in the order in which they came first."""
    found: dict[tuple[str, str], Standing] = {}
    for row in log.sort("position").iter_rows(named=True):
        key = (row["model"], row["model_version"])
        before = found.get(key)
        is_active = row["stage"] == "active"
        begun = row["changed_at"] if is_active else before.active_from if before else None
        ended = None if is_active else row["changed_at"]
        found[key] = Standing(row["stage"], begun, ended, json.loads(row["entry"]))
    return found


def _row_hash(content: Mapping[str, Any], previous: str) -> str:
    told = {**content, "changed_at": content["changed_at"].isoformat(), "previous": previous}
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
