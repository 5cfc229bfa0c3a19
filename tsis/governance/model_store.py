"""Reads a model that the registry names, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tsis.core.errors import DataError, IntegrityError
from tsis.governance.model_registry import find_entry
from tsis.models.artifact import LoadedModel, load_model

REGISTRY = "governance/model_registry.json"


def read_registry(root: Path) -> list[dict[str, Any]]:
    """Return the entries of the registry of the lake at `root`.

    Raises
    ------
    DataError
        If there is none yet.
    IntegrityError
        If it is no registry.
    """
    path = root / REGISTRY
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["models"]
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: there is no registry, and so no model; 'tsis run' fits models and writes it"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path}: not a registry ({error}); 'tsis run' writes it anew") from error
    return list(entries)


def active_model(root: Path, name: str) -> LoadedModel:
    """Return the active version of the model `name`.

    Raises
    ------
    DataError
        If there is no registry, or the model has no active version: whoever asks then holds.
    UnknownNameError
        If there is no such model.
    IntegrityError
        If its file is missing, has another hash than the registry says, or is not what was registered.
    """
    entries = read_registry(root)
    model = find_entry(entries, name)["name"]
    of_model = [entry for entry in entries if entry["name"] == model]
    active = [entry for entry in of_model if entry["stage"] == "active"]
    if not active:
        raise DataError(
            f"model '{name}' has no active version ({len(of_model)} known): nothing is predicted; "
            f"'tsis models show {name}' says what is missing, 'tsis models promote {name}' makes one active"
        )
    return registered_model(root, active[-1])


def registered_model(root: Path, entry: dict[str, Any]) -> LoadedModel:
    """Return the model of an entry of the registry.

    Raises
    ------
    IntegrityError
        If its file is missing, has another hash than the registry says, or was fitted for other features.
    """
    path = root / entry["artifact"]
    if not path.is_file():
        raise IntegrityError(f"{path}: the registry names it and it is missing; 'tsis run' writes the newest refits")
    model = load_model(path.read_bytes(), entry["version"])
    if list(model.features) != entry["features"] or model.kind != entry["estimator"]:
        raise IntegrityError(
            f"{path}: it learnt {len(model.features)} features as {model.kind}, and the registry says "
            f"{len(entry['features'])} as {entry['estimator']}; 'tsis run' writes the registry anew"
        )
    return model
