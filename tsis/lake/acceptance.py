"""Tells in one pass over the rows whether any of them breaks its contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from tsis.core.table import TableSpec

_BROKEN: dict[str, Callable[[pl.Expr, Mapping[str, Any]], pl.Expr]] = {
    "greater_than": lambda value, bound: value <= bound["min_value"],
    "greater_than_or_equal_to": lambda value, bound: value < bound["min_value"],
    "less_than": lambda value, bound: value >= bound["max_value"],
    "less_than_or_equal_to": lambda value, bound: value > bound["max_value"],
    "isin": lambda value, allowed: ~value.is_in(list(allowed["allowed_values"])),
}
"""Pandera's checks as conditions of the rows that break them; a null breaks none."""


def meets_all(table: TableSpec, rows: pl.DataFrame, rules: Iterable[pl.Expr]) -> bool:
    """Tell whether no row breaks a check of the table's schema, or one of `rules`.

    Pandera says which rows break what, but asks for each column and check anew, in some 40 ms a frame, and nearly all
    frames are as they should be. A check that is not known here is left to it.

    Parameters
    ----------
    rows : names, order and types of the columns are those of the table.
    rules : conditions of the rows that break a rule.
    """
    conditions = [*rules, *_conditions(table)]
    is_broken = rows.lazy().select(pl.any_horizontal(condition.any() for condition in conditions)).collect().item()
    return not is_broken and all(
        check(rows.lazy(), name).check_passed.collect().item() for name, check in _others(table)
    )


def _conditions(table: TableSpec) -> Iterator[pl.Expr]:
    for name, column in table.columns.items():
        value = pl.col(name)
        if not column.nullable:
            yield value.is_null()
        for check in column.checks:
            if check.name in _BROKEN:
                yield _BROKEN[check.name](value, check.statistics)


def _others(table: TableSpec) -> Iterator[tuple[str | None, Any]]:
    for name, column in table.columns.items():
        yield from ((name, check) for check in column.checks if check.name not in _BROKEN)
    yield from ((None, check) for check in table.schema.checks)
