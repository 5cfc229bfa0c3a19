"""The registry: which model is used, since when, trained on what."""

from __future__ import annotations

import json
from typing import Any

import polars as pl


def model_registry(models: pl.DataFrame, model_stats: pl.DataFrame, runs: pl.DataFrame, dataset: str) -> str:
    """Return ``model_registry.json``: the newest walk-forward refit of each model, all of them candidates.

    Parameters
    ----------
    models : rows of governance.models.
    model_stats : rows of analytics.model_stats.
    runs : rows of governance.runs; the last success of stage ``predictions`` tells when.
    dataset : manifest hash of ml_dataset.dataset.
    """
    trained = runs.filter((pl.col("stage") == "predictions") & (pl.col("status") == "success")).sort("started_at")
    when = trained["started_at"][-1].isoformat() if trained.height else None
    walk_forward = models.filter(pl.col("split") == "walk_forward").sort("model", "fold")
    newest = walk_forward.group_by("model", maintain_order=True).last()
    entries = [_entry(row, model_stats, when, dataset) for row in newest.iter_rows(named=True)]
    return json.dumps({"models": entries}, indent=1, sort_keys=True) + "\n"


def _entry(row: dict[str, Any], model_stats: pl.DataFrame, when: str | None, dataset: str) -> dict[str, Any]:
    judged = model_stats.filter((pl.col("model") == row["model"]) & (pl.col("split") == "cv"))
    metrics = {name: judged[name].mean() for name in ("auc", "log_loss", "brier", "f1") if judged.height}
    return {
        "name": row["model"],
        "version": row["model_version"],
        "trained_at": when,
        "trained_from": row["trained_from"].isoformat(),
        "trained_to": row["trained_to"].isoformat(),
        "n_train": row["n_train"],
        "data_version": dataset,
        "features": json.loads(row["features"]),
        "params": json.loads(row["params"]),
        "metrics_cv_mean": metrics,
        "stage": "candidate",
        "active_from": None,
        "active_to": None,
    }
