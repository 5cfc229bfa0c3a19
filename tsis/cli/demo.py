"""`tsis demo`: the whole chain on the bundled real data, and an honest summary."""

from __future__ import annotations

import json
import time
from pathlib import Path

import polars as pl
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from tsis.cli.context import Invocation, console
from tsis.cli.run import ProgressBar, fail_if_failed, progress_bar, show_outcomes
from tsis.lake.store import Lake
from tsis.runtime.ingest import ingest
from tsis.runtime.report import write_report
from tsis.runtime.results import Outcome, RunReport
from tsis.runtime.sources import request_for, source_named


def demonstrate(invocation: Invocation) -> None:
    """Ingest the sample, run every stage, write the report, print what came of it."""
    begin = time.perf_counter()
    workspace = invocation.workspace()
    lake = workspace.lake
    source = source_named("sample")
    with progress_bar() as bar:
        progress = ProgressBar(bar, len(workspace.stages) + 2)
        progress.started("ingest sample", 0, 0)
        ingested = ingest(lake, source, request_for(source, {}))
        progress.ended(Outcome("ingest sample", "success" if ingested.added.total() else "unchanged"))
        before = lake.snapshot()
        report = workspace.run((), progress)
        page = lake.root / "analytics" / "report.html"
        progress.started("report", 0, 0)
        if lake.snapshot() != before or not page.exists():
            write_report(lake)
        progress.ended(Outcome("report", "success"))
    _summarise(lake, report, page, time.perf_counter() - begin, invocation.lake)
    fail_if_failed(report)


def _summarise(lake: Lake, report: RunReport, page: Path, seconds: float, chosen: Path | None) -> None:
    shown = console()
    show_outcomes(report)
    shown.print()
    shown.print(_rows_by_table(lake))
    shown.print()
    shown.print(_models(lake))
    shown.print()
    shown.print(_strategies(lake))
    shown.print()
    shown.print(_reasons(lake))
    compile_s = sum(outcome.compile_s for outcome in report.outcomes)
    shown.print(
        f"\nsnapshot {lake.snapshot().id[:12]}; {seconds:.1f} s in all, {compile_s:.1f} s of it compiling kernels"
    )
    _what_next(shown, page, chosen)


def _rows_by_table(lake: Lake) -> Grid:
    grid = Grid("table", "rows", "files", box=None)
    for name, version in lake.snapshot().tables.items():
        if name in lake.tables:
            manifest = lake.manifest(lake.spec(name), version)
            grid.add_row(name, f"{manifest.rows:,}", f"{len(manifest.files):,}")
    return _right(grid)


def _models(lake: Lake) -> Grid:
    stats = lake.scan("analytics.model_stats").collect().sort("model", "split", "fold")
    grid = Grid("model", "split", "folds", "test rows", "AUC mean", "log loss", "log loss of the base rate", box=None)
    for (model, split), folds in stats.group_by(["model", "split"], maintain_order=True):
        rate = folds["base_rate_frac"].clip(1e-9, 1 - 1e-9)
        entropy = (-(rate * rate.log() + (1 - rate) * (1 - rate).log())).mean()
        figures = (folds["auc"].mean(), folds["log_loss"].mean(), entropy)
        counts = (str(folds.height), f"{folds['n_test'].sum():,}")
        grid.add_row(escape(str(model)), str(split), *counts, *(_figure(value) for value in figures))
    return _right(grid, 2)


def _strategies(lake: Lake) -> Grid:
    judged = lake.scan("analytics.strategy_stats").collect().join(_verdicts(lake), on="strategy_id", how="left")
    columns = ("days", "trades", "return", "Sharpe a year", "drawdown", "trials", "worth", "DSR", "PBO", "gate")
    grid = Grid("strategy", *columns, box=None)
    for row in judged.sort("strategy_id").iter_rows(named=True):
        grid.add_row(
            escape(row["strategy_id"]),
            f"{row['n_days']:,}",
            f"{row['n_trades']:,}",
            f"{row['total_return_frac']:+.2%}",
            _figure(row["sharpe_annual"]),
            f"{row['max_drawdown_frac']:.2%}",
            str(row["n_trials"]),
            str(row["n_effective"]),
            _figure(row["dsr_frac"]),
            _figure(row["pbo_frac"]),
            "passed" if row["is_passed"] else "refused",
        )
    return _right(grid, 1, 10)


def _reasons(lake: Lake) -> Grid:
    """Every reason of the gate, in words; what passed says so."""
    grid = Grid("strategy", "verdict of the gate", box=None)
    for row in _verdicts(lake).sort("strategy_id").iter_rows(named=True):
        for number, words in enumerate(json.loads(row["reasons"]) or [row["verdict"]]):
            grid.add_row("" if number else escape(row["strategy_id"]), escape(words))
    return grid


def _verdicts(lake: Lake) -> pl.DataFrame:
    """Return the newest verdict on each strategy."""
    verdicts = lake.scan("governance.verdicts").collect().sort("judged_at")
    figures = ("strategy_id", "n_trials", "n_effective", "dsr_frac", "pbo_frac", "is_passed", "verdict", "reasons")
    return verdicts.group_by("strategy_id", maintain_order=True).last().select(figures)


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else ""


def _right(grid: Grid, first: int = 1, last: int | None = None) -> Grid:
    for column in grid.columns[first:last]:
        column.justify = "right"
    return grid


def _what_next(shown: Console, page: Path, chosen: Path | None) -> None:
    tsis = f".venv/bin/tsis --lake {chosen}" if chosen else ".venv/bin/tsis"
    query = "select filled_at, ticker, side, price, model, bar_spec, raw_table from marts.trade_chain limit 5"
    shown.print("\nWhat to type next:")
    for command in (f'{tsis} sql "{query}"', f"{tsis} stages", f"{tsis} tables features"):
        shown.print(f"  {command}", markup=False)
    typer.echo(f"  {page.as_uri()}")
