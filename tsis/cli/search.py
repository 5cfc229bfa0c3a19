"""`tsis search`: tries parameters of a model's estimator on its purged folds; every trial is counted."""

from __future__ import annotations

import json

import typer

from tsis.cli.context import Invocation, console, require_data

SHOWN = 20


def search_model(invocation: Invocation, model: str, method: str, n: int, seed: int, over: list[str]) -> None:
    """Search and print the points, the best first."""
    from rich.table import Table  # noqa: PLC0415

    from tsis.core.errors import UnknownNameError  # noqa: PLC0415
    from tsis.models.search.space import parse_space  # noqa: PLC0415
    from tsis.runtime.search import METHODS, search  # noqa: PLC0415

    if method not in METHODS:
        raise UnknownNameError("method of search", method, METHODS)
    workspace = invocation.workspace()
    require_data(workspace.lake)
    space = parse_space(over) if over else None
    found = search(
        workspace,
        model,
        method,  # type: ignore[arg-type]  # it is one of METHODS
        n,
        seed,
        space,
        lambda text: typer.echo(text, err=True),
    )
    shown = Table("trial", "log loss", "± over folds", "AUC", "Sharpe a day", "parameters", box=None)
    for row in found.head(SHOWN).iter_rows(named=True):
        figures = (row["log_loss"], row["log_loss_std"], row["auc"], row["sharpe_daily"])
        point = ", ".join(f"{name} {_brief(value)}" for name, value in json.loads(row["point"]).items())
        shown.add_row(str(row["number"]), *("" if x is None else f"{x:.4f}" for x in figures), row["error"] or point)
    console().print(shown)
    typer.echo(f'{found.height:,} trials, all of them counted: tsis sql "select * from governance.searches"')


def _brief(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
