"""`tsis sql`."""

from __future__ import annotations

import json
import sys

import duckdb
import polars as pl
import typer
from rich.markup import escape
from rich.table import Table as Grid

from tsis.cli.context import Invocation, console, require_data
from tsis.core.errors import UnknownNameError, UsageError
from tsis.lake.catalog import open_catalog, refresh_catalog
from tsis.runtime.settings import settings
from tsis.runtime.workspace import open_lake

FORMATS = ("table", "csv", "json", "parquet")
SHOWN_ROWS = 200
MOST_COLUMNS = 12
"""A wider result is shown record by record."""


def query_lake(invocation: Invocation, query: str, output_format: str) -> None:
    """Print the result; parquet goes to standard output as bytes."""
    if output_format not in FORMATS:
        raise UnknownNameError("format", output_format, FORMATS)
    path = refresh_catalog(require_data(open_lake(invocation.lake)), settings().warehouse)
    with open_catalog(path) as connection:
        try:
            result = connection.sql(query)
            rows = _rows(result, is_flat=output_format in ("table", "csv")) if result else pl.DataFrame()
        except duckdb.Error as error:
            raise UsageError(" ".join(str(error).split("\n\n")[0].split())) from error
    _print(rows, output_format)


def _rows(result: duckdb.DuckDBPyRelation, *, is_flat: bool) -> pl.DataFrame:
    """Return the result; intervals, and for flat formats what is nested, as text."""
    columns = []
    for name, kind in zip(result.columns, map(str, result.types), strict=True):
        quoted = '"' + name.replace('"', '""') + '"'
        is_text = kind == "INTERVAL" or (
            is_flat and (kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")))
        )
        columns.append(f"cast({quoted} as varchar) as {quoted}" if is_text else quoted)
    return pl.DataFrame(pl.from_arrow(result.project(", ".join(columns)).to_arrow_table()))


def _print(rows: pl.DataFrame, output_format: str) -> None:
    if output_format == "parquet":
        if sys.stdout.isatty():
            raise UsageError("parquet is not for a terminal; add '> file.parquet'")
        rows.write_parquet(sys.stdout.buffer)
    elif output_format == "csv":
        typer.echo(rows.write_csv(), nl=False)
    elif output_format == "json":
        typer.echo(json.dumps(rows.to_dicts(), default=str, indent=1))
    elif len(rows.columns) > MOST_COLUMNS:
        for number, record in enumerate(rows.head(SHOWN_ROWS).iter_rows(named=True), start=1):
            grid = Grid(show_header=False, box=None)
            for name, value in record.items():
                grid.add_row(escape(name), "" if value is None else escape(str(value)))
            console().print(f"row {number}", grid, sep="\n")
    else:
        grid = Grid(*[escape(name) for name in rows.columns], box=None)
        for row in rows.head(SHOWN_ROWS).iter_rows():
            grid.add_row(*["" if value is None else escape(str(value)) for value in row])
        console().print(grid)
    if output_format == "table":
        more = f"; the first {SHOWN_ROWS} are shown, --format csv gives all" if rows.height > SHOWN_ROWS else ""
        typer.echo(f"{rows.height:,} rows{more}", err=True)
