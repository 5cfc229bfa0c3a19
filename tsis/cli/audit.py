"""`tsis audit` and `tsis lineage`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table as Grid
from rich.tree import Tree

from tsis.cli.context import Invocation, console, require_data
from tsis.core.errors import DataError, IntegrityError, UsageError

if TYPE_CHECKING:
    from tsis.governance.audit import Step
    from tsis.governance.lineage import Origin
    from tsis.lake.store import Lake

_LONG = 60
"""Longer texts and wide rows are cut: `tsis sql` shows them whole."""
_FEATURES = 8
"""So many contributions are shown, the largest first."""


def audit_fill(invocation: Invocation, ticker: str, moment: str, session: str | None) -> None:
    """Print the trail of a fill; exit 1 where a file is not what its manifest says."""
    from tsis.governance.audit import audit_trail, checklist  # noqa: PLC0415
    from tsis.lake.catalog import refresh_catalog  # noqa: PLC0415

    workspace = invocation.workspace()
    lake = require_data(workspace.lake)
    catalog = refresh_catalog(lake, workspace.settings.warehouse)
    steps = audit_trail(lake, catalog, ticker, parse_moment(moment), session)
    shown = console()
    for step in steps:
        shown.print(f"[bold]{step.name}[/]  {step.table}, {step.n_rows:,} rows")
        shown.print(_rows(step))
        if step.name == "signal":
            for rule, held in checklist(step.rows[0]).items():
                shown.print(f"    {'✓' if held else '✗'} {escape(rule)}")
        if step.name == "prediction":
            shown.print(_contributions(lake, step.rows[0]))
        for file in step.files:
            shown.print(f"    {file.path}  {file.sha256[:16]}  {file.problem or 'verified'}", soft_wrap=True)
    damaged = [file for step in steps for file in step.files if file.problem]
    if damaged:
        raise IntegrityError(f"{len(damaged)} files are not what their manifests say; see 'tsis lake check'")


def show_lineage(invocation: Invocation, name: str) -> None:
    """Print what the current version of a table was made from."""
    from tsis.governance.lineage import origin_of  # noqa: PLC0415
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    lake = require_data(open_lake(invocation.lake))
    spec = lake.spec(name)
    version = lake.snapshot().tables.get(spec.name)
    if version is None:
        raise DataError(f"{spec.name} was never written: 'tsis stages' shows which stage does")
    origin = origin_of(spec.name, version, lake.scan("governance.lineage").collect())
    tree = Tree(_label(origin))
    _grow(tree, origin, set())
    console().print(tree)


def parse_moment(text: str) -> datetime:
    """Return a time with a zone; without one, UTC.

    Raises
    ------
    UsageError
        If the text is no ISO time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is no time; write it as 2013-10-07T14:30:00 (UTC) or with a zone") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rows(step: Step) -> Grid:
    grid = Grid(box=None, show_header=False, padding=(0, 2, 0, 4))
    for row in step.rows:
        for name, value in row.items():
            if value is not None:
                grid.add_row(name, escape(_text(value)))
        if row is not step.rows[-1]:
            grid.add_section()
    if step.n_rows > len(step.rows):
        grid.add_row("", f"and {step.n_rows - len(step.rows):,} more")
    return grid


def _text(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _contributions(lake: Lake, prediction: Mapping[str, Any]) -> Grid | str:
    """Return what each feature added to the log-odds, taken from the stored model and row; or why that is not known."""
    from tsis.runtime.explain import explain_event  # noqa: PLC0415

    try:
        told = explain_event(lake, prediction["model"], prediction["ticker"], prediction["t0"]).explanation
    except (DataError, UsageError) as error:
        return f"    {escape(str(error))}"
    grid = Grid(box=None, show_header=False, padding=(0, 2, 0, 4))
    grid.add_row("predicted anew", f"{told.probability:.6g}", "the stored probability, to the bit")
    for part in told.contributions[:_FEATURES]:
        grid.add_row(part.feature, f"{part.value:.6g}", f"{part.log_odds:+.4f} log-odds (SHAP)")
    rest = math.fsum(part.log_odds for part in told.contributions[_FEATURES:])
    grid.add_row("all other features", "", f"{rest:+.4f}")
    grid.add_row("bias", "", f"{told.bias:+.4f}")
    return grid


def _label(origin: Origin) -> str:
    if not origin.version:
        return f"{escape(origin.table)}  [dim]never delivered[/]"
    by = f"by {origin.stage}" if origin.stage else "as delivered"
    return f"{escape(origin.table)}  [dim]{origin.version[:12]} {by}[/]"


def _grow(tree: Tree, origin: Origin, shown: set[str]) -> None:
    for parent in origin.made_from:
        if parent.version in shown and parent.made_from:
            tree.add(f"{_label(parent)}  (above)")
            continue
        shown.add(parent.version)
        _grow(tree.add(_label(parent)), parent, shown)
