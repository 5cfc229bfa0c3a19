"""All declared tables, wide ones with the columns of their registered members."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import cast

from tsis.core.discovery import modules
from tsis.core.params import Params
from tsis.core.table import Table, TableSpec, spec


def tables(params: Mapping[str, Params] | None = None) -> dict[str, TableSpec]:
    """Return every table by name, in zone and table order.

    Parameters
    ----------
    params : parameters by stage; those of `features`, `panel_features` and `dataset` choose the columns of wide tables.
        None, and a stage that is not there, for the defaults.
    """
    # they import numba
    from tsis.dataset.dataset import DatasetParams, dataset_columns  # noqa: PLC0415
    from tsis.features.features import FeaturesParams, feature_columns  # noqa: PLC0415
    from tsis.features.panel_features import PanelFeaturesParams, panel_columns  # noqa: PLC0415

    given = params or {}
    registered = feature_columns(cast(FeaturesParams, given.get("features", FeaturesParams())))
    chosen = dataset_columns(registered, cast(DatasetParams, given.get("dataset", DatasetParams())))
    widened = {"processed_features.features": registered, "ml_dataset.dataset": chosen}
    widened["ml_dataset.event_features"] = chosen
    compared = cast(PanelFeaturesParams, given.get("panel_features", PanelFeaturesParams()))
    widened["processed_features.panel_features"] = panel_columns(compared)
    return {name: table.widened(widened[name]) if table.is_wide else table for name, table in declared_tables().items()}


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
