"""`tsis quality`."""

from __future__ import annotations

import typer

from tsis.cli.context import Invocation, console, require_data


def judge_quality(invocation: Invocation) -> None:
    """Judge the current snapshot, print what failed and where the page is; exit 1 where an error was found."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from tsis.runtime.gate import PAGE, describe, judge_current  # noqa: PLC0415
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    lake = require_data(open_lake(invocation.lake))
    found = judge_current(lake)
    failed = [verdict for verdict in found if not verdict.is_passed]
    shown = Table("severity", "what", box=None)
    for verdict in sorted(failed, key=lambda verdict: verdict.severity):
        shown.add_row(verdict.severity, escape(describe(verdict)))
    if failed:
        console().print(shown)
    n_errors = sum(verdict.blocks for verdict in found)
    typer.echo(f"{len(found):,} verdicts: {n_errors:,} errors, {len(failed) - n_errors:,} warnings")
    typer.echo((lake.root / PAGE).as_uri())
    if n_errors:
        raise typer.Exit(1)
