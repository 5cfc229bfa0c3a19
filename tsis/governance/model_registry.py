"""The registry: which models there are, what each was trained on, how it was judged, and what it is used for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from tsis.core.errors import UnknownNameError, UsageError
from tsis.governance.model_stages import Standing

METRICS = ("auc", "log_loss", "brier", "f1")

Entry = dict[str, Any]


def registry_entries(
    models: pl.DataFrame,
    model_stats: pl.DataFrame,
    verdicts: pl.DataFrame,
    run: Mapping[str, Any] | None,
    now: Mapping[tuple[str, str], Standing],
) -> list[Entry]:
    """Return the newest walk-forward refit of each model, and every other version that ever was active.

    Parameters
    ----------
    models, model_stats, verdicts : rows of governance.models, analytics.model_stats, governance.verdicts.
    run : row of governance.runs of the run that fitted `models`; None where it is not known.
    now : what the log of stages says.
    """
    walk_forward = models.filter(pl.col("split") == "walk_forward").sort("model", "fold")
    newest = walk_forward.group_by("model", maintain_order=True).last()
    entries = [_entry(row, model_stats, newest_verdict(verdicts, row["model"]), run) for row in newest.to_dicts()]
    there = {(entry["name"], entry["version"]) for entry in entries}
    entries += [{**standing.entry, "is_newest": False} for key, standing in now.items() if key not in there]
    for entry in entries:
        standing = now.get((entry["name"], entry["version"]))
        entry["stage"] = standing.stage if standing else "candidate"
        entry["active_from"] = _iso(standing.active_from if standing else None)
        entry["active_to"] = _iso(standing.active_to if standing else None)
    return sorted(entries, key=lambda entry: (entry["name"], not entry["is_newest"], entry["version"]))


def registry_json(entries: list[Entry]) -> str:
    """Return ``model_registry.json``."""
    return json.dumps({"models": entries}, indent=1, sort_keys=True) + "\n"


def newest_verdict(verdicts: pl.DataFrame, strategy: str) -> dict[str, Any] | None:
    """Return the last verdict of the gate on a strategy, None where it has none."""
    of_strategy = verdicts.filter(pl.col("strategy_id") == strategy).sort("judged_at", "run_id")
    return of_strategy.row(-1, named=True) if of_strategy.height else None


def reasons_to_refuse(entry: Mapping[str, Any], stats_version: str | None) -> list[str]:
    """Return everything that keeps a model from becoming active; nothing where it may.

    Parameters
    ----------
    entry : of the registry.
    stats_version : version of analytics.strategy_stats now.
    """
    reasons = []
    if entry["stage"] == "active":
        reasons.append("it is active already")
    if not entry["is_newest"]:
        reasons.append("it is not the newest refit of its model, and the gate judged the strategy that uses that one")
    gate = entry["gate"]
    if gate is None:
        return [*reasons, f"the gate has not judged a strategy '{entry['name']}': 'tsis run' does, once it has traded"]
    if gate["stats_version"] != stats_version:
        reasons.append("the newest verdict is on other results than those in the lake: 'tsis run' judges anew")
    if not gate["is_passed"]:
        reasons += [f"the gate: {reason}" for reason in gate["reasons"]]
    return reasons


def find_entry(entries: list[Entry], name: str) -> Entry:
    """Return the entry called ``NAME`` (its newest version) or ``NAME@VERSION`` (the beginning of one).

    Raises
    ------
    UnknownNameError
        If there is no such model.
    UsageError
        If there is no such version, or several begin so.
    """
    model, _, version = name.partition("@")
    of_model = [entry for entry in entries if entry["name"] == model]
    if not of_model:
        raise UnknownNameError("model", model, {entry["name"] for entry in entries})
    if not version:
        return of_model[0]
    found = [entry for entry in of_model if entry["version"].startswith(version)]
    if len(found) != 1:
        known = ", ".join(entry["version"][:12] for entry in of_model)
        raise UsageError(f"model '{model}': {len(found)} versions begin with '{version}'; there are {known}")
    return found[0]


def _entry(
    row: Mapping[str, Any], model_stats: pl.DataFrame, verdict: Mapping[str, Any] | None, run: Mapping[str, Any] | None
) -> Entry:
    features = json.loads(row["features"])
    inputs = json.loads(run["inputs"]) if run else {}
    return {
        "name": row["model"],
        "version": row["model_version"],
        "is_newest": True,
        "estimator": row["estimator"],
        "trained_at": _iso(run["started_at"]) if run else None,
        "trained_from": _iso(row["trained_from"]),
        "trained_to": _iso(row["trained_to"]),
        "n_train": row["n_train"],
        "fold": row["fold"],
        "data_version": inputs.get("ml_dataset.dataset"),
        "input_versions": inputs,
        "code_version": run["code_version"] if run else None,
        "features": features,
        "features_sha256": hashlib.sha256(json.dumps(features).encode()).hexdigest(),
        "params": json.loads(row["params"]),
        "params_sha256": hashlib.sha256(row["params"].encode()).hexdigest(),
        "metrics": {split: _metrics(model_stats, row["model"], split) for split in ("cv", "walk_forward")},
        "gate": _gate(verdict),
        "artifact": artifact_path(row["model_version"], row["estimator"]),
    }


def artifact_path(version: str, estimator: str) -> str:
    """Return where the bytes of a registered model lie, below the lake."""
    return f"governance/artifacts/{version}.{'ubj' if estimator == 'xgboost' else 'skops'}"


def _metrics(model_stats: pl.DataFrame, model: str, split: str) -> dict[str, float | None]:
    judged = model_stats.filter((pl.col("model") == model) & (pl.col("split") == split)).sort("fold")
    means = {name: judged[name].drop_nulls().mean() for name in METRICS}
    told = {name: float(value) if isinstance(value, float) else None for name, value in means.items()}
    return {**told, "n_folds": float(judged.height)}


def _gate(verdict: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    names = ("verdict", "is_passed", "n_trials", "n_effective", "dsr_frac", "pbo_frac")
    told = {name: verdict[name] for name in (*names, "run_id", "stats_version", "chain_head")}
    return {**told, "reasons": json.loads(verdict["reasons"]), "judged_at": _iso(verdict["judged_at"])}


def _iso(moment: Any) -> str | None:
    return None if moment is None else str(moment.isoformat())
