"""The log of promotions and retirements: a chain in which no row can be altered, removed or inserted unseen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from tsis.core.errors import IntegrityError
from tsis.core.table import spec
from tsis.governance.hash_chain import first_broken, linked
from tsis.tables.governance.model_stages import ModelStages


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
    return pl.DataFrame(linked(log, map(vars, changes)), schema=spec(ModelStages).polars_schema)


def verify_stages(log: pl.DataFrame) -> None:
    """Check every link.

    Raises
    ------
    IntegrityError
        If a row was altered, removed or inserted. A tail that was cut leaves no trace here: the registry, which names
        what is active, then says something else than the log.
    """
    position = first_broken(log)
    if position is not None:
        raise IntegrityError(
            f"governance.model_stages: the chain is broken at position {position:,} of {log.height:,}: a promotion or "
            "retirement was altered, removed or inserted; restore the log from a copy"
        )


def require_active(log: pl.DataFrame, model: str, version: str) -> None:
    """Refuse a version that nobody has promoted, whatever the registry's file says.

    Raises
    ------
    IntegrityError
        If the chain is broken, or its last word on this version is another than ``active``.
    """
    verify_stages(log)
    standing = standings(log).get((model, version))
    if standing is None or standing.stage != "active":
        told = standing.stage if standing else "unknown"
        raise IntegrityError(
            f"model '{model}' {version[:12]} is active by model_registry.json and {told} by governance.model_stages: "
            "the file was altered; 'tsis run' writes it anew, 'tsis models promote' asks the gate"
        )


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
