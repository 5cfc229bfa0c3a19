"""`tsis stages` and `tsis tables`."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table as Grid

from tsis.cli.context import Invocation, console
from tsis.core.table import TableSpec


def show_stages(invocation: Invocation, *, as_dvc: bool) -> None:
    """Print the stages in running order, or as dvc.yaml."""
    workspace = invocation.workspace()
    if as_dvc:
        from tsis.runtime.dvc_yaml import dvc_yaml  # noqa: PLC0415

        typer.echo(dvc_yaml(workspace.stages, workspace.lake.tables), nl=False)
        return
    grid = Grid("stage", "by", "reads", "writes", "what it does", box=None)
    for name, stage in workspace.stages.items():
        reads, writes = ("\n".join(table.name for table in side) for side in (stage.reads, stage.writes))
        grid.add_row(name, stage.by, reads, writes, escape(stage.description))
    console().print(grid)


def show_tables(invocation: Invocation, name: str | None, *, as_markdown: bool) -> None:
    """Print all tables with their rows, the columns of one, or the whole dictionary."""
    from tsis.runtime.dictionary import dictionary_markdown  # noqa: PLC0415
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    lake = open_lake(invocation.lake)
    if as_markdown:
        typer.echo(dictionary_markdown(lake.tables), nl=False)
    elif name:
        _show_columns(lake.spec(name))
    else:
        versions = lake.snapshot().tables
        grid = Grid("table", "rows", "what it holds", box=None)
        grid.columns[1].justify = "right"
        for table, spec in lake.tables.items():
            rows = lake.manifest(spec, versions[table]).rows if table in versions else 0
            grid.add_row(table, f"{rows:,}", escape(spec.description))
        console().print(grid)


def _show_columns(spec: TableSpec) -> None:
    shown = console()
    shown.print(f"[bold]{spec.name}[/]  {escape(spec.description)}")
    shown.print(f"key: {', '.join(spec.key)}; partitioned by {spec.partition}")
    grid = Grid("column", "type", "unit", "null", "meaning", box=None)
    for name, column in spec.columns.items():
        null = "yes" if column.nullable else ""
        kind = str(spec.polars_schema[name])
        grid.add_row(name, kind, spec.unit(name), null, escape(str(column.description)))
    shown.print(grid)
