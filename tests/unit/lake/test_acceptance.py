"""The pass that tells at once whether any row breaks its contract says what pandera says, row by row."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from lakes import declared
from pandera.errors import SchemaErrors

from tsis.core.table import TableSpec
from tsis.lake.acceptance import meets_all

VALUES: dict[type[pl.DataType], list[Any]] = {
    pl.Float64: [0.5, -1.0, -1e-9, 0.0, 1.0, 1.5, 1e12],
    pl.Int64: [1, -1, 0, 2, 10**12],
    pl.Int32: [1, -1, 0, 2],
    pl.Int8: [1, -1, 0, 2],
    pl.String: ["A", "", "no such word"],
    pl.Boolean: [True, False],
    pl.Date: [date(2013, 9, 2)],
    pl.Datetime: [datetime(2013, 9, 2, tzinfo=UTC)],
    pl.Binary: [b"", b"x"],
}


def candidates(spec: TableSpec, name: str) -> list[Any]:
    """Return values of a column to try: some that may meet its checks, the borders of them, and null."""
    named = [value for check in spec.columns[name].checks for value in check.statistics.values()]
    borders = [item for value in named for item in (value if isinstance(value, list) else [value])]
    return [*borders, *VALUES[spec.polars_schema[name].base_type()], None]


def tried(spec: TableSpec) -> pl.DataFrame:
    """Return one row a column and candidate; in every other column of the row stands the same good value."""
    good = {}
    for name in spec.polars_schema:
        column = pl.DataFrame({name: candidates(spec, name)}, schema={name: spec.polars_schema[name]}, strict=False)
        broken = spec.schema.columns[name]
        good[name] = next(value for value in column[name] if value is not None and passes(broken, name, value, spec))
    tries = [good] + [{**good, name: value} for name in good for value in candidates(spec, name)]
    return pl.DataFrame(tries, schema=spec.polars_schema, strict=False)


def passes(column: Any, name: str, value: Any, spec: TableSpec) -> bool:
    frame = pl.DataFrame({name: [value]}, schema={name: spec.polars_schema[name]})
    return all(check(frame.lazy(), name).check_passed.collect().item() for check in column.checks)


@pytest.mark.parametrize("spec", declared().values(), ids=lambda spec: spec.name)
def test_one_pass_says_of_each_row_what_pandera_says(spec: TableSpec) -> None:
    rows = tried(spec)
    broken: set[int] = set()
    try:
        spec.schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        broken = set(pl.DataFrame(errors.failure_cases)["index"].cast(pl.Int64))
    assert 0 not in broken
    found = {row for row in range(rows.height) if not meets_all(spec, rows[row : row + 1], [])}
    assert found == broken
    assert meets_all(spec, rows.filter(~pl.int_range(pl.len()).is_in(list(broken))), [])


def test_what_is_asked_beside_the_schema_counts() -> None:
    spec = next(iter(declared().values()))
    rows = tried(spec)[:1]
    assert meets_all(spec, rows, [pl.lit(value=False)])
    assert not meets_all(spec, rows, [pl.lit(value=False), pl.lit(value=True)])
