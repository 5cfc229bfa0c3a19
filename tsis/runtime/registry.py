"""Writes the registry and changes what models are used for; both from what the lake holds."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from tsis.core.clock import Clock
from tsis.core.errors import DataError, IntegrityError, UsageError
from tsis.governance.model_registry import Entry, find_entry, reasons_to_refuse, registry_entries, registry_json
from tsis.governance.model_stages import Change, chained, standings, verify_stages
from tsis.governance.model_store import REGISTRY, read_registry, registered_model
from tsis.lake.durable import replace_file, replace_if_changed
from tsis.lake.store import Lake
from tsis.runtime.ledger import verified_ledger

STAGES, MODELS, STATS = "governance.model_stages", "governance.models", "analytics.strategy_stats"
ARTIFACTS = "governance/artifacts"


def entries_of(lake: Lake) -> list[Entry]:
    """Return the entries of the registry as the lake's tables say now.

    Raises
    ------
    IntegrityError
        If the log of stages was altered.
    """
    log = lake.scan(STAGES).collect()
    verify_stages(log)
    return registry_entries(
        lake.scan(MODELS).drop("artifact").collect(),
        lake.scan("analytics.model_stats").collect(),
        lake.scan("governance.verdicts").collect(),
        _fitting_run(lake),
        standings(log),
    )


def write_registry(lake: Lake) -> list[Entry]:
    """Write ``model_registry.json`` and the bytes of every model that it names; remove those of no use any more."""
    entries = entries_of(lake)
    newest = [entry["version"] for entry in entries if entry["is_newest"]]
    stored = (
        lake.scan(MODELS).filter(pl.col("model_version").is_in(newest)).select("model_version", "artifact").collect()
    )
    artifact_of: dict[str, bytes] = dict(stored.iter_rows())
    for entry in entries:
        path = lake.root / entry["artifact"]
        if entry["version"] in artifact_of and not path.exists():
            replace_file(path, artifact_of[entry["version"]])
    replace_if_changed(lake.root / REGISTRY, registry_json(entries).encode())
    named = {entry["artifact"].rpartition("/")[2] for entry in entries}
    for path in sorted((lake.root / ARTIFACTS).glob("*")):
        if path.suffix in (".ubj", ".skops") and path.name not in named:
            path.unlink()
    return entries


def promote(lake: Lake, name: str, reason: str, clock: Clock) -> Entry:
    """Make a model active, and retire the version that was; return its entry.

    Raises
    ------
    DataError
        If the gate has not let its strategy pass, with every reason.
    UnknownNameError, UsageError
        If there is no such model or version.
    IntegrityError
        If the ledger of trials or the log of stages was altered, or the artefact is not what was registered.
    """
    verified_ledger(lake.scan)
    entries = write_registry(lake)
    entry = find_entry(entries, name)
    refused = reasons_to_refuse(entry, lake.snapshot().tables.get(STATS))
    if refused:
        raise DataError(f"model '{entry['name']}' {entry['version'][:12]} stays {entry['stage']}: {'; '.join(refused)}")
    registered_model(lake.root, entry)
    gate = entry["gate"]
    at = clock.now()
    others = [one for one in entries if one["name"] == entry["name"] and one["stage"] == "active"]
    follows = f"version {entry['version'][:12]} was promoted"
    changes = [_change(one, "retired", follows, None, at) for one in others]
    _append(lake, [*changes, _change(entry, "active", reason, gate["run_id"], at)])
    return find_entry(write_registry(lake), f"{entry['name']}@{entry['version']}")


def retire(lake: Lake, name: str, reason: str, clock: Clock) -> Entry:
    """Take a model out of use; return its entry. Without a version it is the active one.

    Raises
    ------
    UsageError
        If it is not active.
    UnknownNameError
        If there is no such model.
    IntegrityError
        If the log of stages was altered.
    """
    entries = entries_of(lake)
    entry = find_entry(entries, name)
    if "@" not in name:
        entry = next((one for one in entries if one["name"] == name and one["stage"] == "active"), entry)
    if entry["stage"] != "active":
        raise UsageError(
            f"model '{entry['name']}' {entry['version'][:12]} is {entry['stage']}, not active: nothing to retire"
        )
    _append(lake, [_change(entry, "retired", reason, None, clock.now())])
    return find_entry(write_registry(lake), f"{entry['name']}@{entry['version']}")


def verify_registry(lake: Lake) -> None:
    """Hold the log of stages against its chain, and every model that the registry names against its hash.

    Raises
    ------
    IntegrityError
        If a row of the log or a byte of a model was altered, or the registry does not say what the log says.
    """
    entries = entries_of(lake)
    if not (lake.root / REGISTRY).exists():
        return
    told = {(entry["name"], entry["version"]): entry["stage"] for entry in read_registry(lake.root)}
    for entry in entries:
        key = (entry["name"], entry["version"])
        if key in told and told[key] != entry["stage"]:
            raise IntegrityError(
                f"{lake.root / REGISTRY}: model '{key[0]}' {key[1][:12]} is {told[key]}, and by the log of stages "
                f"{entry['stage']}; one of the two was altered"
            )
    for entry in read_registry(lake.root):
        registered_model(lake.root, entry)


def _change(entry: Entry, stage: str, reason: str, verdict_run_id: str | None, at: Any) -> Change:
    told = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    return Change(entry["name"], entry["version"], stage, reason, told, verdict_run_id, at)


def _append(lake: Lake, changes: list[Change]) -> None:
    with lake.transaction([STAGES]) as transaction:
        log = transaction.scan(STAGES).collect()
        verify_stages(log)
        transaction.append(STAGES, chained(log, changes))
        transaction.commit("models")


def _fitting_run(lake: Lake) -> dict[str, Any] | None:
    """Return the last run that left governance.models as it is now."""
    version = lake.snapshot().tables.get(MODELS)
    runs = (
        lake.scan("governance.runs").filter(pl.col("stage") == "predictions", pl.col("status") == "success").collect()
    )
    for row in runs.sort("started_at", descending=True).iter_rows(named=True):
        if json.loads(row["outputs"]).get(MODELS) == version:
            return dict(row)
    return None
