"""Searches for the parameters of a model: every trial is a fit by the chain's own stage, and is counted."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import polars as pl

from tsis.core.errors import DataError, ParamsError, UnknownNameError
from tsis.core.stage import AnyStage
from tsis.governance.trials import Trial, trial_id
from tsis.models.estimator import estimator_params
from tsis.models.predictions import ModelParams, PredictionsParams
from tsis.models.search.grid import GridSearch
from tsis.models.search.optuna import OptunaSearch
from tsis.models.search.proposer import Proposer
from tsis.models.search.random import RandomSearch
from tsis.models.search.space import Point, Space, default_space
from tsis.runtime.fit_trials import fit_results
from tsis.runtime.ledger import append_trials, record_results
from tsis.runtime.record import Identity, identity
from tsis.runtime.workspace import Workspace

SEARCHES = "governance.searches"
STAGE = "predictions"
METHODS = ("grid", "random", "optuna")
Method = Literal["grid", "random", "optuna"]


def search(
    workspace: Workspace,
    model: str,
    method: Method,
    n: int,
    seed: int,
    space: Space | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> pl.DataFrame:
    """Try up to `n` parameters of a model's estimator on its purged folds and return rows of governance.searches.

    A trial calls the stage `predictions` on the current snapshot with that model alone, so that weights, calibration
    and orders of differentiation are learnt as in the chain; nothing is published but the trial and the row. Its score
    is the mean log loss of the purged folds. An attempt is written before each fit, so that a fit that is looked at and
    broken off counts. What is found is used by writing it into params.yaml, and that run is a trial as well.

    Parameters
    ----------
    space : what is searched; the default of the estimator where not given.

    Raises
    ------
    UnknownNameError
        If there is no such model.
    ParamsError
        If the space names no parameter of the estimator, or a grid has more than `n` points.
    DataError
        If the lake has no dataset.
    """
    base = _model(workspace, model)
    chosen = space or default_space(base.estimator.kind)
    _require_fields(base, chosen)
    lake, stage = workspace.lake, workspace.stages[STAGE]
    inputs = {table.table: lake.scan(table.name).collect() for table in stage.reads}
    if inputs["dataset"].is_empty():
        raise DataError("search: ml_dataset.dataset is empty; run tsis run dataset first")
    versions = {table.name: lake.snapshot().tables.get(table.name, "") for table in stage.reads}
    search_id = _digest([model, method, seed, {k: repr(v) for k, v in chosen.items()}, base.digest(), versions])
    proposer = _proposer(method, chosen, n, seed)
    rows: list[dict[str, Any]] = []
    while (point := proposer.ask()) is not None:
        tried = base.model_copy(update={"estimator": estimator_params(base.estimator.model_dump() | point)})
        what = identity(stage, PredictionsParams(models={model: tried}), versions)
        row = _tried(workspace, stage, what, model, tried, inputs)
        proposer.tell(math.inf if row["log_loss"] is None else row["log_loss"])
        rows.append(_identified(search_id, len(rows), model, method, seed, point) | row)
        tell(f"{len(rows)} of {n}: {json.dumps(point)} log loss {row['log_loss']}")
    found = pl.DataFrame(rows, schema=lake.spec(SEARCHES).polars_schema)
    if found.height:
        lake.append(SEARCHES, found)
    return found.sort("log_loss", "number", nulls_last=True)


def _model(workspace: Workspace, model: str) -> ModelParams:
    params = workspace.params[STAGE]
    models: Mapping[str, ModelParams] = params.models if isinstance(params, PredictionsParams) else {}
    if model not in models:
        raise UnknownNameError("model", model, models)
    return models[model]


def _require_fields(base: ModelParams, space: Space) -> None:
    known = set(type(base.estimator).model_fields) - {"kind"}
    for name in space:
        if name not in known:
            raise UnknownNameError(f"parameter of {base.estimator.kind}", name, known)


def _proposer(method: Method, space: Space, n: int, seed: int) -> Proposer:
    if n < 1:
        raise ParamsError(f"search: n = {n}; must be at least 1")
    if method == "grid":
        return GridSearch(space, n)
    return RandomSearch(space, n, seed) if method == "random" else OptunaSearch(space, n, seed)


def _tried(
    workspace: Workspace,
    stage: AnyStage,
    what: Identity,
    model: str,
    tried: ModelParams,
    inputs: Mapping[str, pl.DataFrame],
) -> dict[str, Any]:
    """Fit, count and score one point; a fit that can't be made is a row with its reason."""
    lake, index = workspace.lake, f"search:{model}"
    trial = trial_id(what.fingerprint, index)
    append_trials(lake, [Trial(trial, model, stage.name, index, "attempt")])
    row: dict[str, Any] = {"trial_id": trial, **dict.fromkeys(_FIGURES)}
    try:
        frames, _ = stage.frames(inputs, PredictionsParams(models={model: tried}))
    except DataError as error:
        return row | {"error": str(error)}
    predictions, _, model_stats, _ = frames
    results = fit_results(lake.scan, workspace.params, predictions, "search")
    record_results(lake, stage, what, results)
    folds = model_stats.filter(pl.col("split") == "cv")
    return row | {
        "log_loss": folds["log_loss"].mean(),
        "log_loss_std": folds["log_loss"].std(),
        "auc": folds["auc"].mean(),
        "sharpe_daily": results["sharpe_daily"][0] if results.height else None,
    }


_FIGURES = ("log_loss", "log_loss_std", "auc", "sharpe_daily", "error")


def _identified(search_id: str, number: int, model: str, method: str, seed: int, point: Point) -> dict[str, Any]:
    named = {"search_id": search_id, "number": number, "model": model, "method": method, "seed": seed}
    return named | {"point": json.dumps(point, sort_keys=True)}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
