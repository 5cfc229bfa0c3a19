"""`tsis sql`."""

from __future__ import annotations

import json
import sys

import duckdb
import polars as pl
import typer
from rich.markup import escape
from rich.table import Table as Grid

from tsis.cli.context import Invocation, console
from tsis.core.errors import UnknownNameError, UsageError
from tsis.lake.catalog import open_catalog, refresh_catalog
from tsis.runtime.settings import settings
from tsis.runtime.workspace import open_lake

FORMATS = ("table", "csv", "json", "parquet")
SHOWN_ROWS = 200


def query_lake(invocation: Invocation, query: str, output_format: str) -> None:
    """Print the result; parquet goes to standard output as bytes."""
    if output_format not in FORMATS:
        raise UnknownNameError("format", output_format, FORMATS)
    path = refresh_catalog(open_lake(invocation.lake), settings().warehouse)
    with open_catalog(path) as connection:
        try:
            result = connection.sql(query)
            rows = pl.DataFrame(pl.from_arrow(result.to_arrow_table())) if result else pl.DataFrame()
        except duckdb.Error as error:
            raise UsageError(" ".join(str(error).split("\n\n")[0].split())) from error
    _print(rows, output_format)


def _print(rows: pl.DataFrame, output_format: str) -> None:
    if output_format == "parquet":
        if sys.stdout.isatty():
            raise UsageError("parquet is not for a terminal; add '> file.parquet'")
        rows.write_parquet(sys.stdout.buffer)
    elif output_format == "csv":
        typer.echo(rows.write_csv(), nl=False)
    elif output_format == "json":
        typer.echo(json.dumps(rows.to_dicts(), default=str, indent=1))
    else:
        grid = Grid(*[escape(name) for name in rows.columns], box=None)
        for row in rows.head(SHOWN_ROWS).iter_rows():
            grid.add_row(*["" if value is None else escape(str(value)) for value in row])
        console().print(grid)
        more = f"; the first {SHOWN_ROWS} are shown, --format csv gives all" if rows.height > SHOWN_ROWS else ""
        typer.echo(f"{rows.height:,} rows{more}", err=True)
