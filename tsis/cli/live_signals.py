"""`tsis live-signals`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import typer
from rich.markup import escape
from rich.table import Table

from tsis.cli.context import Invocation, console, require_data
from tsis.core.errors import DataError
from tsis.lake.store import Lake
from tsis.runtime.live_signals import LIVE, Replayed, replay, session_lake, step_live

_SHOWN = 10
"""So many of the last decisions are shown; `tsis sql` on the session's lake shows all."""


def step_once(invocation: Invocation) -> None:
    """Step over what is new in raw, and show the last decisions."""
    workspace = invocation.workspace()
    require_data(workspace.lake)
    found = step_live(workspace)
    typer.echo(f"{found.bars:,} bars, {found.events:,} events, {found.armed:,} armed")
    _show(session_lake(workspace, LIVE))


def replay_ticks(invocation: Invocation, tickers: Sequence[str], every: float, *, is_forced: bool) -> None:
    """Replay history as if live and compare it with the batch; exit 1 where a bit differs.

    Raises
    ------
    DataError
        With the tables that differ.
    """
    workspace = invocation.workspace()
    require_data(workspace.lake)
    done = replay(workspace, every=timedelta(minutes=every), tickers=tickers, is_forced=is_forced)
    typer.echo(
        f"{done.steps:,} steps: {done.stepped.bars:,} bars, {done.stepped.events:,} events, "
        f"{done.stepped.armed:,} armed"
    )
    _compare(done)
    _show(done.lake)
    if not done.is_equal:
        wrong = [found.table for found in done.compared if not found.is_as_it_must_be]
        raise DataError(
            f"the replay differs from the batch in {', '.join(wrong)}; if raw or params.yaml changed since, "
            "'tsis run' brings the batch up to date, and --force replays anew"
        )


def _compare(done: Replayed) -> None:
    shown = Table("table", "rows live", "rows batch", "columns", "bit for bit", box=None)
    for found in done.compared:
        verdict = "equal" if found.is_equal else f"{found.differing:,} rows differ"
        if found.held_back:
            verdict += f"; {found.held_back:,} decisions that the moment held back are left out"
        shown.add_row(found.table, f"{found.rows:,}", f"{found.batch_rows:,}", str(found.columns), verdict)
    console().print(shown)


def _show(lake: Lake) -> None:
    last = lake.scan("signals.signals_history").collect().sort("ts").tail(_SHOWN)
    shown = Table("ts", "signal", "action", "size", "status", "reason", box=None)
    for row in last.iter_rows(named=True):
        name = f"{row['model']} {row['ticker']} {row['bar_spec']}"
        shown.add_row(
            f"{row['ts']:%Y-%m-%d %H:%M:%S}",
            name,
            row["action"],
            f"{row['size']:g}",
            row["status"],
            escape(row["reason"]),
        )
    if last.height:
        console().print(shown)
    n_active = lake.scan("signals.active_signals").select(pl.len()).collect().item()
    typer.echo(f"{n_active:,} active signals; all of it: tsis --lake {lake.root} sql 'from signals.signals_history'")
