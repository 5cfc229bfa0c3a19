"""Frames that meet a table's contract, with only the columns that a test is about spelled out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from tsis.core.table import Table, spec

Frame = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def frame() -> Frame:
    """Return ``frame(Table, column=[...], other=constant)``; the columns not named get a valid constant."""

    def build(table: type[Table], **given: Any) -> pl.DataFrame:
        declared = spec(table)
        unknown = set(given) - set(declared.columns)
        assert not unknown, f"{declared.name} has no column {unknown}"
        sized = [len(v) for v in given.values() if _is_column(v)]
        n_rows = sized[0] if sized else 1
        data = {}
        for name, column in declared.columns.items():
            value = given.get(name, None if column.nullable else _default(column, declared.polars_schema[name]))
            data[name] = value if _is_column(value) else [value] * n_rows
        return pl.DataFrame(data, schema=declared.polars_schema)

    return build


def _is_column(value: Any) -> bool:
    return isinstance(value, pl.Series) or (isinstance(value, Sequence) and not isinstance(value, str | bytes))


def _default(column: Any, dtype: pl.DataType) -> Any:
    allowed = next((check.statistics["allowed_values"] for check in column.checks if check.name == "isin"), None)
    if allowed:
        return next(iter(allowed))
    defaults: dict[Any, Any] = {
        pl.String: "x",
        pl.Binary: b"",
        pl.Boolean: False,
        pl.Date: date(2000, 1, 1),
        pl.Datetime: datetime(2000, 1, 1, tzinfo=UTC),
        pl.Float64: 1.0,
    }
    return defaults.get(dtype.base_type(), 1)
