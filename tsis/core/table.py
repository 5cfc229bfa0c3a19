"""The contract of a table: declared once, from which validation, Arrow schema, view and dictionary come."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

os.environ.setdefault("PANDERA_VALIDATION_DEPTH", "SCHEMA_AND_DATA")

import pandera.polars as pa
import polars as pl
import pyarrow as arrow
from pandera.polars import Column

Partition = Literal["none", "date", "month", "year", "bar_spec"]
Timestamp = Annotated[pl.Datetime, "us", "UTC"]
"""Annotation of a UTC time column."""
_ARROW_TYPES: dict[type[pl.DataType], arrow.DataType] = {
    pl.String: arrow.string(),
    pl.Float64: arrow.float64(),
    pl.Int64: arrow.int64(),
    pl.Int32: arrow.int32(),
    pl.Int8: arrow.int8(),
    pl.Boolean: arrow.bool_(),
    pl.Date: arrow.date32(),
    pl.Datetime: arrow.timestamp("us", "UTC"),
    pl.Binary: arrow.binary(),
}


def column(unit: str, description: str, **checks: Any) -> Any:
    """Declare a column: its unit, what it means, and pandera checks (`ge`, `gt`, `isin`, `nullable`, …).

    A missing number is null. NaN and infinity break the contract of every table.
    """
    return pa.Field(description=description, metadata={"unit": unit}, **checks)


@dataclass(frozen=True)
class TableSpec:
    """What the lake knows of a table.

    Parameters
    ----------
    zone, table : the schema and the name; `name` is ``zone.table``.
    key : columns that identify a row; rows are stored sorted by them.
    time : the column that `scan(start, end)` and the partition refer to; None for timeless tables.
    partition : ``none``, ``year``, ``month``, ``date`` of `time`, or ``bar_spec``: by bar specification, then by year
        for daily bars, by month for hourly ones and by date for all finer ones.
    quarantines : a row that breaks the contract is set aside with its reason; otherwise it fails the publication.
    schema : the pandera schema, strict and ordered.
    """

    zone: str
    table: str
    key: tuple[str, ...]
    time: str | None
    partition: Partition
    quarantines: bool
    is_wide: bool
    description: str
    schema: pa.DataFrameSchema

    @property
    def name(self) -> str:
        """Return ``zone.table``."""
        return f"{self.zone}.{self.table}"

    @property
    def is_revisable(self) -> bool:
        """Tell whether rows are revised by appending a later ``known_at``."""
        return "known_at" in self.key

    @property
    def known(self) -> str | None:
        """Return the column of the time at which a row is complete: ``ts_close`` of bars, else `time`."""
        return "ts_close" if "ts_close" in self.polars_schema else self.time

    @property
    def columns(self) -> dict[str, Column]:
        """Return the pandera columns in order."""
        return dict(self.schema.columns)

    @cached_property
    def polars_schema(self) -> pl.Schema:
        """Return the column types as polars sees them."""
        return pl.Schema({name: col.dtype.type for name, col in self.schema.columns.items()})

    @cached_property
    def arrow_schema(self) -> arrow.Schema:
        """Return the column types as they are stored."""
        fields = [
            arrow.field(name, _ARROW_TYPES[dtype.base_type()], nullable=bool(self.schema.columns[name].nullable))
            for name, dtype in self.polars_schema.items()
        ]
        return arrow.schema(fields)

    def unit(self, name: str) -> str:
        """Return the unit of a column."""
        return str((self.schema.columns[name].metadata or {}).get("unit", ""))

    def empty(self) -> pl.DataFrame:
        """Return a frame without rows that meets the contract."""
        return self._empty.clone()

    @cached_property
    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.polars_schema)

    def widened(self, columns: Mapping[str, Column]) -> TableSpec:
        """Return the table with the columns of its registered members appended (wide tables only)."""
        return replace(self, schema=self.schema.add_columns(dict(columns)))


class Table(pa.DataFrameModel):
    """Base of all declared tables; the file ``tsis/tables/<zone>/<table>.py`` gives zone and name.

    Subclasses pass ``key``, ``time``, ``partition``, and for wide tables ``wide=True`` as class arguments; a table that
    is declared elsewhere passes ``name="zone.table"``. The docstring's first line describes it in the dictionary.
    """

    _spec: ClassVar[TableSpec]

    def __init_subclass__(
        cls,
        *,
        key: tuple[str, ...] = (),
        time: str | None = None,
        partition: Partition = "none",
        wide: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Read the declaration and attach its `TableSpec`."""
        super().__init_subclass__(**kwargs)  # type: ignore[no-untyped-call]
        zone, table = (name or cls.__module__).split(".")[-2:]
        schema = cls.to_schema()
        schema.strict, schema.ordered, schema.coerce = True, True, False
        cls._spec = TableSpec(
            zone=zone,
            table=table,
            key=key,
            time=time,
            partition=partition,
            quarantines=zone in ("raw", "reference") and "known_at" in key,
            is_wide=wide,
            description=(cls.__doc__ or "").strip().splitlines()[0],
            schema=schema,
        )


def spec(table: type[Table]) -> TableSpec:
    """Return what a declared table means to the lake."""
    return table._spec
