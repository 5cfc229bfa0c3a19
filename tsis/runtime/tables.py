"""All declared tables, wide ones with the columns of their registered members."""

from __future__ import annotations

import inspect
from functools import cache

from tsis.core.discovery import modules
from tsis.core.table import Table, TableSpec, spec


@cache
def tables() -> dict[str, TableSpec]:
    """Return every table by name, in zone and table order."""
    from tsis.features.features import feature_columns  # noqa: PLC0415  compiles nothing, but imports numba

    found = {
        spec(value).name: spec(value)
        for module in modules("tsis.tables")
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Table) and value.__module__ == module.__name__
    }
    columns = feature_columns()
    return {name: table.widened(columns) if table.is_wide else table for name, table in sorted(found.items())}
