"""What `dvc metrics` and `dvc plots` show: figures of the results as files, beside the tables that they come from."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from tsis.lake.durable import replace_if_changed
from tsis.lake.store import Lake

METRICS = {
    "lake/analytics/_metrics/models.json": "predictions",
    "lake/analytics/_metrics/strategies.json": "strategy_stats",
}
"""File to the stage after which it is up to date."""
PLOTS = {
    "lake/analytics/_plots/equity": ("pnl_daily", "day", "Equity, by days since the first"),
    "lake/analytics/_plots/fold_auc": ("predictions", "fold", "AUC of each walk-forward refit"),
}
"""Folder to the stage after which it is up to date, x and title; one file a strategy or model, whose name y has.

x is a number: DVC's templates draw nothing over dates.
"""
SCORES = ("auc", "log_loss")
FIGURES = ("n_trades", "total_return_frac", "sharpe_annual", "max_drawdown_frac")
"""What experiments are compared by; each is a column of `dvc exp show`. The tables and the report have the others."""


def write_dvc_outputs(lake: Lake) -> None:
    """Write metrics and plots of the current snapshot; a file that would be equal is left alone."""
    models = lake.scan("analytics.model_stats").collect()
    strategies = lake.scan("analytics.strategy_stats").collect()
    daily = lake.scan("analytics.pnl_daily").collect()
    folder = lake.root / "analytics"
    replace_if_changed(folder / "_metrics" / "models.json", _json(model_metrics(models)))
    replace_if_changed(folder / "_metrics" / "strategies.json", _json(strategy_metrics(strategies)))
    curves = {f"{name}.csv": curve for name, curve in equity_curves(daily).items()}
    scores = {f"{name}.csv": fold for name, fold in fold_scores(models).items()}
    for name, files in (("equity", curves), ("fold_auc", scores)):
        _write_folder(folder / "_plots" / name, files)


def model_metrics(stats: pl.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return model → split → metric, the mean over the folds; sums run in the order of folds."""
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for (model, split), folds in stats.sort("model", "split", "fold").group_by("model", "split", maintain_order=True):
        means = {name: folds[name].mean() for name in SCORES}
        found.setdefault(str(model), {})[str(split)] = {
            name: float(value) if isinstance(value, float) else None for name, value in means.items()
        }
    return found


def strategy_metrics(stats: pl.DataFrame) -> dict[str, dict[str, float | int | None]]:
    """Return strategy → those numbers of its row in analytics.strategy_stats that experiments are compared by."""
    return {row["strategy_id"]: {name: row[name] for name in FIGURES} for row in stats.iter_rows(named=True)}


def equity_curves(daily: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return strategy to (day, equity), in order; the days are counted from its first, the column has its name."""
    parts = daily.sort("strategy_id", "date").partition_by("strategy_id", as_dict=True, maintain_order=True)
    day = (pl.col("date") - pl.col("date").min()).dt.total_days()
    return {str(name): part.select(day=day, **{str(name): "equity"}) for (name,), part in parts.items()}


def fold_scores(stats: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return model to (fold, AUC) of its walk-forward refits; a refit with one class of labels has none."""
    chosen = stats.filter(pl.col("split") == "walk_forward", pl.col("auc").is_not_null()).sort("model", "fold")
    parts = chosen.partition_by("model", as_dict=True, maintain_order=True)
    return {str(name): part.select("fold", **{str(name): "auc"}) for (name,), part in parts.items()}


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _write_folder(folder: Path, files: dict[str, pl.DataFrame]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        replace_if_changed(folder / name, rows.write_csv().encode())
    for stale in folder.glob("*.csv"):
        if stale.name not in files:
            stale.unlink()
