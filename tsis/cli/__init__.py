"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Annotated, NoReturn

import typer

from tsis import __version__
from tsis.cli.context import Invocation, require_data
from tsis.core.errors import TsisError

app = typer.Typer(
    name="tsis",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A lakehouse for trading research that also trades: raw ticks to measured trades, every step kept.",
)
lake_app = typer.Typer(no_args_is_help=True, help="Check, list and tidy the lake. Example: [bold]tsis lake check[/]")
app.add_typer(lake_app, name="lake")
features_app = typer.Typer(
    no_args_is_help=True, help="List, describe and audit features. Example: [bold]tsis features audit[/]"
)
app.add_typer(features_app, name="features")
models_app = typer.Typer(
    no_args_is_help=True, help="List, explain, promote and retire models. Example: [bold]tsis models show us_daily[/]"
)
app.add_typer(models_app, name="models")

LakeOption = Annotated[Path | None, typer.Option("--lake", envvar="TSIS_LAKE", help="The lake to work on.")]
Names = Annotated[list[str] | None, typer.Argument(help="Stages; all where none is named.", show_default=False)]


@app.callback()
def _root(
    context: typer.Context,
    lake: LakeOption = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    context.obj = Invocation(lake, debug)


@app.command()
def demo(context: typer.Context) -> None:
    """Run the whole chain on the bundled real data. Example: [bold]tsis demo[/]."""
    from tsis.runtime.ahead import compiling_ahead  # noqa: PLC0415

    with compiling_ahead():
        from tsis.cli.demo import demonstrate  # noqa: PLC0415

        demonstrate(context.obj)


@app.command()
def run(
    context: typer.Context,
    names: Names = None,
    force: Annotated[bool, typer.Option("--force", help="Call stages whose inputs have not changed too.")] = False,
    gate: Annotated[bool, typer.Option("--gate", help="Promote only what passes the quality checks.")] = False,
) -> None:
    """Run stages; what is up to date is not run. Example: [bold]tsis run events triple_barrier[/]."""
    from contextlib import nullcontext  # noqa: PLC0415

    from tsis.runtime.ahead import compiling_ahead  # noqa: PLC0415

    with nullcontext() if names else compiling_ahead():
        from tsis.cli.run import run_stages  # noqa: PLC0415

        run_stages(context.obj, names or [], is_forced=force, gate=gate)


@app.command()
def search(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A model of params.yaml.")],
    method: Annotated[str, typer.Option(help="grid, random or optuna.")] = "random",
    n: Annotated[int, typer.Option("--n", min=1, help="Trials at most.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of points.")] = 7,
    over: Annotated[
        list[str] | None,
        typer.Option(help="name=a,b,c or name=low..high[:log]; may be repeated. Otherwise the estimator's own space."),
    ] = None,
) -> None:
    """Try parameters of a model on its purged folds. Example: [bold]tsis search us_daily --method random --n 20[/]."""
    from tsis.cli.search import search_model  # noqa: PLC0415

    search_model(context.obj, model, method, n, seed, over or [])


@app.command()
def stages(
    context: typer.Context,
    dvc: Annotated[bool, typer.Option("--dvc", help="As dvc.yaml.")] = False,
) -> None:
    """Show the DAG: each stage, what it reads and writes. Example: [bold]tsis stages[/]."""
    from tsis.cli.describe import show_stages  # noqa: PLC0415

    show_stages(context.obj, as_dvc=dvc)


@app.command()
def tables(
    context: typer.Context,
    table: Annotated[str | None, typer.Argument(help="One table, with or without its zone.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The whole dictionary as Markdown.")] = False,
) -> None:
    """Show the data dictionary with units. Example: [bold]tsis tables information_bars[/]."""
    from tsis.cli.describe import show_tables  # noqa: PLC0415

    show_tables(context.obj, table, as_markdown=markdown)


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    options_metavar="[--help] [OPTIONS OF THE SOURCE]",
)
def ingest(
    context: typer.Context, source: Annotated[str | None, typer.Argument(help="sample, files, lean, …")] = None
) -> None:
    """Take data from a source. Example: [bold]tsis ingest lean --path ~/lean/Data --tickers IBM[/]."""
    from tsis.cli.ingest import ingest_from  # noqa: PLC0415

    ingest_from(context.obj, source, context.args)


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="DuckDB SQL; a schema a zone, plus marts.")],
    output_format: Annotated[str, typer.Option("--format", help="table, csv, json or parquet.")] = "table",
) -> None:
    """Query the lake. Example: [bold]tsis sql "select * from marts.strategy_daily" --format csv[/]."""
    from tsis.cli.sql import query_lake  # noqa: PLC0415

    query_lake(context.obj, query, output_format)


@app.command()
def report(context: typer.Context) -> None:
    """Write analytics/report.html, one offline page. Example: [bold]tsis report[/]."""
    from tsis.runtime.report import write_report  # noqa: PLC0415
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    typer.echo(write_report(require_data(open_lake(context.obj.lake))).as_uri())


@app.command(name="audit")
def audit_a_fill(
    context: typer.Context,
    ticker: Annotated[str, typer.Argument(help="As traded.")],
    time: Annotated[str, typer.Argument(help="The first fill at or after it; ISO, UTC where it has no zone.")],
    session: Annotated[str | None, typer.Option(help="Only fills of this session.")] = None,
) -> None:
    """Explain a fill back to its raw rows, files verified now. Example: [bold]tsis audit ES 2013-10-07T14:30[/]."""
    from tsis.cli.audit import audit_fill  # noqa: PLC0415

    audit_fill(context.obj, ticker, time, session)


@app.command()
def lineage(context: typer.Context, table: Annotated[str, typer.Argument(help="With or without its zone.")]) -> None:
    """Show what a table was made from, by version. Example: [bold]tsis lineage dataset[/]."""
    from tsis.cli.audit import show_lineage  # noqa: PLC0415

    show_lineage(context.obj, table)


@app.command(name="live-signals")
def live_signals(
    context: typer.Context,
    is_replay: Annotated[bool, typer.Option("--replay", help="Step through history; compare with the batch.")] = False,
    ticker: Annotated[
        list[str] | None, typer.Option(help="Replay this one; may be repeated. Otherwise those with ticks.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.01, help="Minutes that a step of the replay covers.")] = 15.0,
    force: Annotated[bool, typer.Option("--force", help="Replay anew, from the first row.")] = False,
) -> None:
    """Step over new raw rows and decide; no orders. Example: [bold]tsis live-signals --replay[/]."""
    from tsis.cli.live_signals import replay_ticks, step_once  # noqa: PLC0415
    from tsis.core.errors import UsageError  # noqa: PLC0415

    if is_replay:
        replay_ticks(context.obj, ticker or [], every, is_forced=force)
    elif ticker or force or every != 15.0:
        raise UsageError("--ticker, --every and --force are of a replay: add --replay")
    else:
        step_once(context.obj)


@app.command()
def quality(context: typer.Context) -> None:
    """Judge the current snapshot and write governance/quality.html. Example: [bold]tsis quality[/]."""
    from tsis.cli.quality import judge_quality  # noqa: PLC0415

    judge_quality(context.obj)


@app.command()
def doctor(context: typer.Context) -> None:
    """Show versions, cores, disk, calendars, the lake's state, and what is missing. Example: [bold]tsis doctor[/]."""
    from tsis.cli.doctor import examine  # noqa: PLC0415

    examine(context.obj)


@lake_app.command()
def check(context: typer.Context) -> None:
    """Hold every file against its hash and the trial ledger against its chain. Example: [bold]tsis lake check[/]."""
    from tsis.cli.lake import check_all  # noqa: PLC0415

    check_all(context.obj)


@lake_app.command()
def history(
    context: typer.Context,
    table: Annotated[str | None, typer.Argument(help="Versions of one table.")] = None,
) -> None:
    """List the snapshots, oldest first. Example: [bold]tsis lake history raw.trades[/]."""
    from tsis.cli.lake import show_history  # noqa: PLC0415

    show_history(context.obj, table)


@lake_app.command(name="gc")
def collect_garbage(
    context: typer.Context,
    retention_days: Annotated[float, typer.Option(min=0, help="Keep everything younger than this.")] = 7.0,
) -> None:
    """Remove what no version in use names. Example: [bold]tsis lake gc --retention-days 30[/]."""
    from tsis.cli.lake import collect  # noqa: PLC0415

    collect(context.obj, retention_days)


@features_app.command(name="list")
def list_all(
    context: typer.Context,
    markdown: Annotated[bool, typer.Option("--markdown", help="With formula and source, as Markdown.")] = False,
) -> None:
    """List the features that params.yaml chooses. Example: [bold]tsis features list[/]."""
    from tsis.cli.features import list_features  # noqa: PLC0415

    list_features(context.obj, as_markdown=markdown)


@features_app.command()
def show(
    context: typer.Context, name: Annotated[str, typer.Argument(help="A feature or a family of features.")]
) -> None:
    """Describe a feature or a family: unit, formula, source. Example: [bold]tsis features show rsi_14[/]."""
    from tsis.cli.features import show_feature  # noqa: PLC0415

    show_feature(context.obj, name)


@features_app.command()
def audit(
    context: typer.Context,
    ticker: Annotated[list[str] | None, typer.Option(help="Only this ticker; may be repeated.")] = None,
    bar_spec: Annotated[list[str] | None, typer.Option(help="Only this kind of bar; may be repeated.")] = None,
    rows: Annotated[int, typer.Option(min=2, help="Bars of a series to try the laws on.")] = 1_000,
) -> None:
    """Prove on the lake that no feature looks ahead. Example: [bold]tsis features audit --bar-spec time_1d[/]."""
    from tsis.cli.features import audit_features  # noqa: PLC0415

    audit_features(context.obj, ticker or [], bar_spec or [], rows)


ModelName = Annotated[str, typer.Argument(help="A model, or NAME@VERSION (the beginning of one).")]
Reason = Annotated[str, typer.Option(help="Why; kept with the change for good.")]


@models_app.command(name="list")
def list_models(context: typer.Context) -> None:
    """List the models with stage, scores and verdict. Example: [bold]tsis models list[/]."""
    from tsis.cli.models import list_models as listed  # noqa: PLC0415

    listed(context.obj)


@models_app.command(name="show")
def show_model(
    context: typer.Context,
    name: ModelName,
    event: Annotated[str | None, typer.Option(help="Explain the prediction of TICKER, or of TICKER@TIME.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The entry of the registry as JSON.")] = False,
) -> None:
    """Explain a model: data, scores, importance, verdict. Example: [bold]tsis models show us_daily --event IBM[/]."""
    from tsis.cli.models import show_model as shown  # noqa: PLC0415

    shown(context.obj, name, event, as_json=as_json)


@models_app.command()
def promote(context: typer.Context, name: ModelName, reason: Reason) -> None:
    """Make a model active, if the gate lets it. Example: [bold]tsis models promote us_daily --reason "..."[/]."""
    from tsis.cli.models import promote_model  # noqa: PLC0415

    promote_model(context.obj, name, reason)


@models_app.command()
def retire(context: typer.Context, name: ModelName, reason: Reason) -> None:
    """Take an active model out of use. Example: [bold]tsis models retire us_daily --reason "..."[/]."""
    from tsis.cli.models import retire_model  # noqa: PLC0415

    retire_model(context.obj, name, reason)


@models_app.command()
def compare(
    context: typer.Context, first: ModelName, second: Annotated[str, typer.Argument(help="Another one.")]
) -> None:
    """Show what differs between two models. Example: [bold]tsis models compare us_daily fx_hourly[/]."""
    from tsis.cli.models import compare_models  # noqa: PLC0415

    compare_models(context.obj, first, second)


@models_app.command()
def log(
    context: typer.Context, uri: Annotated[str, typer.Argument(help="Of the MLflow server, which is an extra.")]
) -> None:
    """Tell MLflow of every model of the registry. Example: [bold]tsis models log http://127.0.0.1:5000[/]."""
    from tsis.cli.models import log_to_mlflow  # noqa: PLC0415

    log_to_mlflow(context.obj, uri)


def main() -> None:
    """Run the command line: exit 0 done, 1 data or run failure, 2 wrong usage or configuration."""
    gc.set_threshold(200_000, 50, 100)  # imports and frames leave many objects and hardly a cycle
    if "--debug" not in sys.argv:
        sys.excepthook = _brief
    try:
        typer.main.get_command(app)()  # not app(), which puts back an excepthook of its own
    except TsisError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"error: {error}", err=True)
        _end(error.exit_code)
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        _end(ended.code)


def _end(code: int) -> NoReturn:
    """End at once: to take numba, polars and DuckDB apart costs a second and gives nobody anything."""
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _brief(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    typer.echo(f"error: {kind.__name__}: {error}\nThis is a fault of TSIS {__version__}; see it with --debug", err=True)
