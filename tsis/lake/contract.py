"""Holds rows against the contract of their table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import polars as pl
from pandera.errors import SchemaErrors

from tsis.core.errors import ContractError, some
from tsis.core.names import is_ticker
from tsis.core.table import TableSpec
from tsis.lake.acceptance import meets_all

_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Checked:
    """Rows that meet the contract, and those that do not with an added column ``_reason``."""

    good: pl.DataFrame
    bad: pl.DataFrame


def check_contract(table: TableSpec, rows: pl.DataFrame) -> Checked:
    """Split `rows` by whether they meet the contract of `table`.

    Rules: pandera's checks, no NaN and no infinity in any number, times that a calendar has, tickers and bar
    specifications that may be part of a path, one row a key.

    Raises
    ------
    ContractError
        If names, order or types of the columns differ, which no row can mend; or, for derived zones, if any row breaks
        the contract.
    """
    expected = dict(table.polars_schema)
    if dict(rows.schema) != expected or rows.columns != list(expected):
        raise ContractError(f"{table.name}: {_schema_difference(rows, expected)}")
    reasons = _reasons(table, rows)
    if reasons.is_empty():
        return Checked(rows, rows.head(0).with_columns(_reason=pl.lit("")))
    numbered = rows.with_row_index("_row")
    checked = Checked(
        good=numbered.join(reasons, on="_row", how="anti", maintain_order="left").drop("_row"),
        bad=numbered.join(reasons, on="_row", how="inner", maintain_order="left").drop("_row"),
    )
    if not table.quarantines:
        raise ContractError(describe(table, checked.bad, rows.height))
    return checked


def describe(table: TableSpec, bad: pl.DataFrame, total: int) -> str:
    """Return how many rows broke which rule, with the key of the first."""
    counts = bad["_reason"].value_counts().sort("count", "_reason", descending=[True, False])
    rules = some([f"{reason} ({count:,})" for reason, count in counts.iter_rows()], limit=3)
    first = ", ".join(f"{name}={bad[name][0]}" for name in table.key)
    return f"{table.name}: {bad.height:,} of {total:,} rows broke {rules}; first: {first}"


def _reasons(table: TableSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``_row`` and ``_reason`` of each row that breaks a rule."""
    rules = _rules(table, rows)
    if meets_all(table, rows, rules.values()):
        return pl.DataFrame(schema={"_row": pl.UInt32, "_reason": pl.String})
    parts = _flagged(rows, rules)
    try:
        table.schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        cases = pl.DataFrame(errors.failure_cases)
        if cases["index"].null_count():
            raise ContractError(f"{table.name}: {some(cases['check'].unique(maintain_order=True))}") from errors
        column = pl.when(pl.col("schema_context") == "Column").then(pl.col("column") + ": ").otherwise(pl.lit(""))
        parts.append(cases.select(_row=pl.col("index").cast(pl.UInt32), _reason=column + pl.col("check")))
    found = pl.concat(parts) if parts else pl.DataFrame(schema={"_row": pl.UInt32, "_reason": pl.String})
    return found.group_by("_row").agg(pl.col("_reason").unique().sort().str.join("; ")).sort("_row")


def _rules(table: TableSpec, rows: pl.DataFrame) -> dict[str, pl.Expr]:
    """Return what pandera does not check: reason to the condition of the rows that break it."""
    floats = [name for name, dtype in rows.schema.items() if dtype.is_float()]
    rules = {f"{name}: not a finite number": ~pl.col(name).is_finite() for name in floats}
    for name, dtype in rows.schema.items():
        if dtype.is_temporal():
            # milliseconds read as microseconds end up in a year that no calendar has
            rules[f"{name}: outside the years 1 to 9999"] = ~pl.col(name).is_between(*_bounds(dtype))
    for name in sorted({"ticker", "bar_spec"} & set(rows.columns)):
        # both become part of a path
        bad = [text for text in rows[name].unique().drop_nulls() if not is_ticker(text)]
        rules[f"{name}: not a possible name"] = pl.col(name).is_in(bad)
    # every row after the first of its key
    rules[f"repeated key ({', '.join(table.key)})"] = ~pl.struct(table.key).is_first_distinct()
    return rules


@cache
def _bounds(dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    return pl.lit(_FIRST).cast(dtype), pl.lit(_LAST).cast(dtype)


def _flagged(rows: pl.DataFrame, rules: dict[str, pl.Expr]) -> list[pl.DataFrame]:
    """Return the rows that break each rule; where none is broken, which one pass tells, nothing."""
    is_broken = rows.lazy().select(condition.any().alias(reason) for reason, condition in rules.items()).collect()
    numbered = rows.lazy().with_row_index("_row")
    return [
        numbered.filter(rules[name]).select("_row", _reason=pl.lit(name)).collect()
        for name in is_broken.columns
        if is_broken[name].item()
    ]


def _schema_difference(rows: pl.DataFrame, expected: dict[str, pl.DataType]) -> str:
    missing = [name for name in expected if name not in rows.columns]
    foreign = [name for name in rows.columns if name not in expected]
    types = [
        f"{name} is {rows.schema[name]}, not {dtype}"
        for name, dtype in expected.items()
        if name in rows.columns and rows.schema[name] != dtype
    ]
    parts = [
        f"missing columns {some(missing)}" if missing else "",
        f"unknown columns {some(foreign)}" if foreign else "",
        f"wrong types: {some(types)}" if types else "",
    ]
    return "; ".join(part for part in parts if part) or f"columns must come in the order {some(expected, 40)}"
