"""`tsis run`, and the progress bar that `tsis demo` shares."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from tsis.cli.context import Invocation, console, require_data
from tsis.runtime.results import Outcome, RunReport


class ProgressBar:
    """Shows which stage runs, on standard error, and how many are done."""

    def __init__(self, bar: Bar, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=total)

    def started(self, stage: str, position: int, total: int) -> None:
        """Name the stage that begins."""
        del position, total
        self._bar.update(self._task, description=stage)

    def ended(self, outcome: Outcome) -> None:
        """Count the stage that ended."""
        self._bar.update(self._task, advance=1, description=f"{outcome.stage} {outcome.status}")


def progress_bar() -> Bar:
    """Return a bar for the terminal; elsewhere it prints nothing but its last state."""
    from rich.console import Console  # noqa: PLC0415

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Bar(*columns, console=Console(stderr=True))


def run_stages(invocation: Invocation, names: Sequence[str], *, is_forced: bool, gate: bool = False) -> None:
    """Run stages and show how they ended; exit 1 where one failed."""
    from tsis.runtime.dag import select  # noqa: PLC0415

    workspace = invocation.workspace()
    require_data(workspace.lake)
    total = len(select(names, workspace.stages))
    with progress_bar() as bar:
        report = workspace.run(names, ProgressBar(bar, total), is_forced=is_forced, gate=gate)
    show_outcomes(report)
    fail_if_failed(report)


def show_outcomes(report: RunReport) -> None:
    """Print one line a stage."""
    from rich.table import Table  # noqa: PLC0415

    shown = Table("stage", "status", "rows in", "rows out", "seconds", "of it compiling", box=None)
    for outcome in report.outcomes:
        counts = (f"{outcome.rows_in:,}", f"{outcome.rows_out:,}") if outcome.status != "unchanged" else ("", "")
        compiling = f"{outcome.compile_s:.2f}" if outcome.compile_s else ""
        shown.add_row(outcome.stage, outcome.status, *counts, f"{outcome.seconds:.2f}", compiling)
    for column in shown.columns[2:]:
        column.justify = "right"
    console().print(shown)


def fail_if_failed(report: RunReport) -> None:
    """Exit 1 with the reasons where a stage did not succeed."""
    for outcome in report.failed:
        if outcome.status != "skipped":
            typer.echo(f"error: stage {outcome.stage} {outcome.status}: {outcome.error}", err=True)
    skipped = [outcome.stage for outcome in report.failed if outcome.status == "skipped"]
    if skipped:
        typer.echo(f"error: {len(skipped)} stages that need them were skipped: {', '.join(skipped)}", err=True)
    if report.failed:
        raise typer.Exit(1)
