"""The real data that ship with the repository: ES trades, five US stocks, EURUSD (see data/sample/README.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import yaml
from pydantic import Field

from tsis.core.errors import DataError, UnknownNameError
from tsis.core.params import Params
from tsis.core.table import TableSpec
from tsis.sources.delimited import file_chunks
from tsis.sources.protocol import REJECTED, Batch, Source
from tsis.sources.times import TimeRule
from tsis.sources.typed import Typing, parse, table_spec
from tsis.sources.venues import LONG_AGO, venues

FOLDER = Path(__file__).resolve().parents[2] / "data" / "sample"
Reader = Callable[[TableSpec, "SampleRequest"], Iterator[Batch]]
_PROVENANCE: dict[str, object] = {"source": "sample", "is_synthetic": False}


class SampleRequest(Params):
    """Which of the bundled tables; all by default."""

    tables: Annotated[tuple[str, ...], Field(description="Tables to deliver; all where it is left out")] = ()
    delay_s: Annotated[float, Field(description="From the end of a row to its being known, in seconds", ge=0)] = 0.0


def batches(request: SampleRequest) -> Iterator[Batch]:
    """Return an iterator over the bundled tables, reference tables first.

    Raises
    ------
    UnknownNameError
        If a table is not bundled.
    DataError
        If TSIS was not installed from a clone, so that the data are not there.
    """
    if not (FOLDER / "reference.yaml").is_file():
        raise DataError(f"no sample data in {FOLDER}: they come with a clone (pip install -e .), not with a wheel")
    for name in request.tables:
        if name not in _READERS:
            raise UnknownNameError("table of the sample", name, _READERS)
    return _read(request)


def _read(request: SampleRequest) -> Iterator[Batch]:
    for name, read in _READERS.items():
        if not request.tables or name in request.tables:
            yield from read(table_spec(name), request)


def _facts(table: TableSpec, _: SampleRequest) -> Iterator[Batch]:
    """Read what was written by hand."""
    facts: dict[str, list[dict[str, Any]]] = yaml.safe_load((FOLDER / "reference.yaml").read_text("utf-8"))
    if table.table == "exchanges_dim":
        rows = venues({ticker["exchange"] for ticker in facts["tickers_dim"]})
    else:
        known = [{"known_at": LONG_AGO, **fact} for fact in facts[table.table]]
        rows = pl.DataFrame(known, infer_schema_length=None)
        absent = [pl.lit(None, dtype).alias(name) for name, dtype in table.polars_schema.items() if name not in rows]
        rows = rows.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in table.polars_schema.items())
    yield Batch(table.name, rows.sort(table.key), REJECTED.to_frame(), 0, "reference.yaml")


def _file(file: str, ticker: str | None = None, calendar: str | None = None, **columns: str) -> Reader:
    """Return a reader of one Parquet file; `columns` says which of the table's columns the file calls otherwise."""

    def read(table: TableSpec, request: SampleRequest) -> Iterator[Batch]:
        constants = {name: value for name, value in _PROVENANCE.items() if name in table.columns}
        constants |= {"ticker": ticker} if ticker else {}
        for chunk in file_chunks(FOLDER / file, ","):
            typing = Typing(
                table=table,
                columns={name: name for name in table.columns if name in chunk.frame.columns} | columns,
                constants=constants,
                times=TimeRule("UTC"),
                calendar=calendar,
                bar_s=3600.0,
                delay_s=request.delay_s if "ts" in table.columns else 0.0,
            )
            yield parse(chunk, typing, file, {})

    return read


_READERS: dict[str, Reader] = {
    "reference.exchanges_dim": _facts,
    "reference.sectors_dim": _facts,
    "reference.tickers_dim": _facts,
    "reference.corporate_actions": _file("us_corporate_actions.parquet"),
    "raw.trades": _file("es_trades.parquet", ticker="ES"),
    "raw.ohlcv_daily": _file("us_daily.parquet", calendar="XNYS", ts="date"),
    "raw.ohlcv_1h": _file("eurusd_1h.parquet", ticker="EURUSD"),
}

SAMPLE = Source(
    name="sample",
    description="The bundled real data: ES trades, five US stocks by day, EURUSD by hour",
    request=SampleRequest,
    batches=batches,
    files=lambda _: sorted([*FOLDER.glob("*.parquet"), FOLDER / "reference.yaml"]),
)
