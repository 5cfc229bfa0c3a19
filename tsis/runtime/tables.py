"""All declared tables, wide ones with the columns of their registered members."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tsis.core.discovery import modules
from tsis.core.params import Params
from tsis.core.table import Table, TableSpec, spec


def tables(features: Params | None = None) -> dict[str, TableSpec]:
    """Return every table by name, in zone and table order.

    Parameters
    ----------
    features : parameters of the stage `features`, which choose the columns of wide tables; None for the defaults.
    """
    from tsis.features.features import FeaturesParams, feature_columns  # noqa: PLC0415  imports numba

    chosen = features if isinstance(features, FeaturesParams) else FeaturesParams()
    columns = feature_columns(chosen)
    return {name: table.widened(columns) if table.is_wide else table for name, table in declared_tables().items()}


@cache
def declared_tables() -> Mapping[str, TableSpec]:
    """Return every table by name as it is declared, wide ones without the columns of their members."""
    found = {
        spec(value).name: spec(value)
        for module in modules("tsis.tables")
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Table) and value.__module__ == module.__name__
    }
    return MappingProxyType(dict(sorted(found.items())))
