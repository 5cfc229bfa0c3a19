"""`tsis doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib import metadata

import typer
from rich.table import Table as Grid

from tsis import __version__
from tsis.cli.context import Invocation, console
from tsis.core.errors import TsisError
from tsis.core.jit import cache_dir
from tsis.lake.store import Lake
from tsis.runtime.settings import REPOSITORY, settings
from tsis.runtime.workspace import open_lake, open_workspace

LIBRARIES = (
    "polars",
    "pyarrow",
    "duckdb",
    "numba",
    "pandera",
    "xgboost-cpu",
    "exchange-calendars",
    "scikit-learn",
    "skops",
)


def examine(invocation: Invocation) -> None:
    """Print what there is and what is missing; exit 1 where something needed is."""
    chosen = settings(invocation.lake)
    lake = open_lake(invocation.lake)
    grid = Grid(show_header=False, box=None)
    grid.add_row("tsis", f"{__version__} in {REPOSITORY}")
    grid.add_row("python", f"{sys.version.split()[0]} on {platform.platform()}")
    grid.add_row("libraries", ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES))
    grid.add_row("cores", f"{os.cpu_count()}, of which stages use {chosen.threads} (TSIS_THREADS)")
    grid.add_row("disk", _disk(lake))
    grid.add_row("kernels", f"compiled into {cache_dir()}" if cache_dir().exists() else "not compiled yet")
    grid.add_row("calendars", _calendars(lake))
    grid.add_row("lake", f"{lake.root}: {len(lake.snapshot().tables)} tables, snapshot {lake.snapshot().id[:12]}")
    console().print(grid)
    missing = _missing(invocation)
    for line in missing:
        typer.echo(f"missing: {line}", err=True)
    if missing:
        raise typer.Exit(1)
    typer.echo("nothing is missing")


def _disk(lake: Lake) -> str:
    folder = lake.root
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return f"{usage.free / 1e9:,.1f} GB free of {usage.total / 1e9:,.1f} GB at {folder}"


def _calendars(lake: Lake) -> str:
    import exchange_calendars  # noqa: PLC0415

    used = lake.scan("reference.exchanges_dim").select("calendar").unique().collect()["calendar"].sort().to_list()
    known = exchange_calendars.get_calendar_names()
    unknown = [name for name in used if name not in known]
    held = lake.scan("reference.sessions").select("session").collect()["session"].sort()
    span = f"sessions from {held[0]} to {held[-1]}" if held.len() else "no sessions yet: run 'tsis demo'"
    return f"{', '.join(used) or 'none used yet'}; {span}" + (f"; unknown: {', '.join(unknown)}" if unknown else "")


def _missing(invocation: Invocation) -> list[str]:
    lines = []
    try:
        workspace = open_workspace(invocation.lake)
    except TsisError as error:
        return [str(error)]
    if not workspace.settings.warehouse.is_dir():
        lines.append(f"{workspace.settings.warehouse}: the marts; set TSIS_WAREHOUSE")
    if not os.access(workspace.lake.root if workspace.lake.root.exists() else workspace.lake.root.parent, os.W_OK):
        lines.append(f"{workspace.lake.root}: can't be written")
    return lines
