"""Tells an MLflow server what the registry says; MLflow is an extra, and nothing reads from it."""

from __future__ import annotations

import json
from typing import Any

from tsis.core.errors import StoreError, UsageError
from tsis.governance.model_registry import Entry
from tsis.lake.store import Lake
from tsis.runtime.registry import write_registry

EXPERIMENT = "tsis"
_LONGEST_PARAM = 500


def log_models(lake: Lake, tracking_uri: str) -> tuple[int, int]:
    """Write one MLflow run for each model of the registry; return how many are new and how many were there.

    A run has the model's parameters, mean scores, bytes and whole entry. A version that is there already gets its stage
    and verdict anew, and no second run.

    Parameters
    ----------
    tracking_uri : of the MLflow server.

    Raises
    ------
    UsageError
        If MLflow is not installed.
    StoreError
        If the server can't be reached, or refuses.
    """
    try:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  an extra
        from mlflow.tracking import MlflowClient  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(f"MLflow is not installed ({error}): pip install 'tsis[mlflow]'") from error
    try:
        client = MlflowClient(tracking_uri=tracking_uri)
        found = client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found else client.create_experiment(EXPERIMENT)
        is_new = [_log(client, experiment, lake, entry) for entry in write_registry(lake)]
    except MlflowException as error:
        raise StoreError(f"MLflow at {tracking_uri}: {str(error).splitlines()[0]}") from error
    return sum(is_new), len(is_new) - sum(is_new)


def _log(client: Any, experiment: str, lake: Lake, entry: Entry) -> bool:
    same = f"tags.`tsis.version` = '{entry['version']}' and tags.`tsis.model` = '{entry['name']}'"
    runs = client.search_runs([experiment], filter_string=same, max_results=1)
    if runs:
        run_id = runs[0].info.run_id
    else:
        name = f"{entry['name']} {entry['version'][:12]}"
        run_id = client.create_run(experiment, run_name=name, tags=_identity(entry)).info.run_id
        for field, value in sorted(entry["params"].items()):
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            client.log_param(run_id, field, text[:_LONGEST_PARAM])
        for split, scores in sorted(entry["metrics"].items()):
            for field, score in sorted(scores.items()):
                if score is not None:
                    client.log_metric(run_id, f"{split}.{field}", score)
        client.log_artifact(run_id, str(lake.root / entry["artifact"]))
        client.log_dict(run_id, entry, "entry.json")
        client.set_terminated(run_id)
    client.set_tag(run_id, "tsis.stage", entry["stage"])
    client.set_tag(run_id, "tsis.gate", entry["gate"]["verdict"] if entry["gate"] else "not judged")
    return not runs


def _identity(entry: Entry) -> dict[str, str]:
    names = ("estimator", "data_version", "code_version", "trained_from", "trained_to", "features_sha256")
    told = {f"tsis.{name}": str(entry[name]) for name in names}
    return {"tsis.model": entry["name"], "tsis.version": entry["version"], **told}
