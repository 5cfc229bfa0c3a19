"""`tsis models list`, `show`, `promote`, `retire`, `compare` and `log`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table as Grid

from tsis.cli.context import Invocation, console, require_data
from tsis.core.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from tsis.lake.store import Lake

_TOP = 10


def list_models(invocation: Invocation) -> None:
    """Print every model that the registry knows, its stage, and how it did."""
    entries = _entries(_lake(invocation))
    grid = Grid(
        "model", "version", "stage", "estimator", "trained to", "rows", "AUC cv", "AUC walk-forward", "gate", box=None
    )
    for entry in entries:
        scores = (_number(entry["metrics"][split]["auc"]) for split in ("cv", "walk_forward"))
        gate = entry["gate"]["verdict"] if entry["gate"] else "not judged"
        stage = entry["stage"] if entry["is_newest"] else f"{entry['stage']}, an earlier refit"
        texts = (entry["name"], entry["version"][:12], stage, entry["estimator"], entry["trained_to"][:16])
        grid.add_row(*map(escape, texts), f"{entry['n_train']:,}", *scores, escape(gate))
    console().print(grid)
    n_active = sum(entry["stage"] == "active" for entry in entries)
    typer.echo(f"{len(entries)} models, {n_active} active; 'tsis models show NAME' explains one")


def show_model(invocation: Invocation, name: str, event: str | None, *, as_json: bool) -> None:
    """Print what a model was trained on, what mattered to it, how it did, how it was judged, what is missing."""
    from tsis.governance.model_registry import find_entry, reasons_to_refuse  # noqa: PLC0415
    from tsis.runtime.registry import STATS  # noqa: PLC0415

    lake = _lake(invocation)
    entry = find_entry(_entries(lake), name)
    missing = reasons_to_refuse(entry, lake.snapshot().tables.get(STATS))
    if as_json:
        typer.echo(json.dumps({**entry, "missing_for_promotion": missing}, indent=1, sort_keys=True))
        return
    out = console()
    out.print(_identity(entry))
    out.print(_params(entry))
    out.print(_folds(lake, entry["name"]))
    out.print(_importance(lake, entry["name"]))
    gate = entry["gate"]
    out.print(escape(f"Gate: {gate['verdict'] if gate else 'not judged'}"))
    typer.echo("Missing for promotion:" if missing else f"Nothing is missing: 'tsis models promote {entry['name']}'")
    for reason in missing:
        typer.echo(f"  - {reason}")
    if event is not None:
        said, parts = _explained(lake, entry["name"], event)
        typer.echo(said)
        out.print(parts)


def promote_model(invocation: Invocation, name: str, reason: str) -> None:
    """Make a model active, if the gate lets it."""
    from tsis.core.clock import SystemClock  # noqa: PLC0415
    from tsis.runtime.registry import promote  # noqa: PLC0415

    entry = promote(_lake(invocation), name, _said(reason), SystemClock())
    typer.echo(f"{entry['name']} {entry['version'][:12]} is active since {entry['active_from']}")


def retire_model(invocation: Invocation, name: str, reason: str) -> None:
    """Take a model out of use."""
    from tsis.core.clock import SystemClock  # noqa: PLC0415
    from tsis.runtime.registry import retire  # noqa: PLC0415

    entry = retire(_lake(invocation), name, _said(reason), SystemClock())
    typer.echo(f"{entry['name']} {entry['version'][:12]} is retired since {entry['active_to']}")


def compare_models(invocation: Invocation, first: str, second: str) -> None:
    """Print two models side by side: what differs, and all scores."""
    from tsis.governance.model_registry import find_entry  # noqa: PLC0415

    entries = _entries(_lake(invocation))
    pair = [find_entry(entries, name) for name in (first, second)]
    if pair[0] is pair[1]:
        raise UsageError(f"'{first}' and '{second}' are one model; 'tsis models list' shows what there is")
    grid = Grid("", *(f"{entry['name']} {entry['version'][:12]}" for entry in pair), box=None)
    told = [_comparable(entry) for entry in pair]
    for field in dict.fromkeys([*told[0], *told[1]]):
        values = [one.get(field, "-") for one in told]
        is_score = field.startswith(("cv ", "walk_forward "))
        if is_score or values[0] != values[1]:
            grid.add_row(escape(field), *map(escape, values))
    console().print(grid)


def log_to_mlflow(invocation: Invocation, uri: str) -> None:
    """Tell MLflow of every model and print how many it did not know."""
    from tsis.runtime.mlflow_log import log_models  # noqa: PLC0415

    n_new, n_known = log_models(_lake(invocation), uri)
    typer.echo(f"{n_new} models logged to {uri}, {n_known} were there")


def _comparable(entry: dict[str, Any]) -> dict[str, str]:
    names = ("estimator", "stage", "trained_from", "trained_to", "n_train", "data_version", "code_version")
    told = {name: _short(entry[name]) for name in names}
    told["features"] = f"{len(entry['features'])}, {entry['features_sha256'][:12]}"
    told |= {f"params.{name}": value for name, value in _flat(entry["params"]).items()}
    for split, scores in entry["metrics"].items():
        told |= {f"{split} {name}": _number(value) for name, value in scores.items()}
    return told | {"gate": entry["gate"]["verdict"] if entry["gate"] else "not judged"}


def _flat(params: dict[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in params.items():
        if isinstance(value, dict) and name != "orders":
            found |= _flat(value, f"{before}{name}.")
        elif name != "orders":
            found[f"{before}{name}"] = _short(value)
    return found


def _identity(entry: dict[str, Any]) -> Grid:
    grid = Grid(show_header=False, box=None)
    told = {
        "model": f"{entry['name']} {entry['version']}",
        "stage": entry["stage"] + _since(entry),
        "estimator": entry["estimator"],
        "trained on": f"{entry['n_train']:,} rows, first t0 {entry['trained_from']}, last t1 {entry['trained_to']}",
        "fitted": f"{entry['trained_at']}, as refit {entry['fold']} of the walk-forward",
        "dataset": str(entry["data_version"]),
        "code": str(entry["code_version"]),
        "features": f"{len(entry['features'])}: {', '.join(entry['features'])}",
        "artefact": entry["artifact"],
    }
    for name, text in told.items():
        grid.add_row(name, escape(text))
    return grid


def _since(entry: dict[str, Any]) -> str:
    ends = [f" {word} {entry[name]}" for word, name in (("from", "active_from"), ("to", "active_to")) if entry[name]]
    return f", active{''.join(ends)}" if ends else ""


def _params(entry: dict[str, Any]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in _flat(entry["params"]).items())
    return escape(f"Parameters: {told}")


def _folds(lake: Lake, model: str) -> Grid:
    rows = _of(lake, "analytics.model_stats", model).sort("split", "fold")
    names = ("auc", "log_loss", "brier", "precision", "recall", "f1")
    grid = Grid("split", "fold", "trained on", "tested on", "base rate", *names, box=None)
    for row in rows.iter_rows(named=True):
        counts = (f"{row['n_train']:,}", f"{row['n_test']:,}", _number(row["base_rate_frac"]))
        grid.add_row(row["split"], str(row["fold"]), *counts, *(_number(row[name]) for name in names))
    return grid


def _importance(lake: Lake, model: str) -> Grid:
    rows = _of(lake, "analytics.feature_importance", model)
    grid = Grid("importance", "feature", "mean over folds", "std", box=None)
    for (method,), part in rows.sort("method").partition_by("method", as_dict=True, maintain_order=True).items():
        best = part.sort(["importance", "feature"], descending=[True, False], nulls_last=True).head(_TOP)
        for row in best.iter_rows(named=True):
            grid.add_row(str(method), escape(row["feature"]), _number(row["importance"]), _number(row["std"]))
    if rows.is_empty():
        grid.add_row("-", "the estimator has no share of gain", "", "")
    return grid


def _explained(lake: Lake, model: str, event: str) -> tuple[str, Grid]:
    from tsis.runtime.explain import explain_event  # noqa: PLC0415

    ticker, _, moment = event.partition("@")
    try:
        t0 = datetime.fromisoformat(moment) if moment else None
    except ValueError as error:
        raise UsageError(f"--event '{event}': give TICKER or TICKER@TIME, such as IBM@2012-05-01T20:00:00") from error
    if t0 is not None and t0.tzinfo is None:
        t0 = t0.replace(tzinfo=UTC)
    told = explain_event(lake, model, ticker, t0)
    row, why = told.prediction, told.explanation
    said = f"{ticker} {row['t0']:%Y-%m-%d %H:%M:%S} UTC, side {row['side']:+d}: probability {why.probability:.4f}"
    grid = Grid("feature", "value", "adds to log-odds", box=None)
    grid.add_row("(bias)", "", f"{why.bias:+.4f}")
    for part in why.contributions[:_TOP]:
        grid.add_row(escape(part.feature), _number(part.value), f"{part.log_odds:+.4f}")
    rest = sum(part.log_odds for part in why.contributions[_TOP:])
    grid.add_row(f"({len(why.contributions[_TOP:])} more)", "", f"{rest:+.4f}")
    grid.add_row("(sum)", "", f"{why.margin:+.4f}")
    return said, grid


def _of(lake: Lake, table: str, model: str) -> pl.DataFrame:
    import polars as pl  # noqa: PLC0415

    return lake.scan(table).filter(pl.col("model") == model).collect()


def _lake(invocation: Invocation) -> Lake:
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    return require_data(open_lake(invocation.lake))


def _entries(lake: Lake) -> list[dict[str, Any]]:
    from tsis.runtime.registry import entries_of  # noqa: PLC0415

    entries = entries_of(lake)
    if not entries:
        raise DataError(f"no model in {lake.root}: 'tsis run predictions' fits those that params.yaml names")
    return entries


def _said(reason: str) -> str:
    if not reason.strip():
        raise UsageError("--reason must say why; it is kept for good")
    return reason.strip()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:12] if len(text) == 64 else text
