"""Stage `features`: every registered feature of every bar."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
from pandera.polars import Column

from tsis.core.discovery import members
from tsis.core.errors import ContractError, some
from tsis.core.feature import Array, Bank
from tsis.core.params import Params
from tsis.core.series import BarSpecName
from tsis.core.stage import stage
from tsis.core.state import State
from tsis.core.table import spec
from tsis.tables.processed_features.features import Features
from tsis.tables.processed_features.information_bars import InformationBars


class FeaturesParams(Params):
    """Parameters of `features`.

    Parameters
    ----------
    bar_specs : the series to compute, by their bar specification; null for all.
    """

    bar_specs: tuple[BarSpecName, ...] | None = None


@stage(reads=[InformationBars], writes=[Features], by="ticker")
def features(
    information_bars: pl.DataFrame,
    params: FeaturesParams,
    state: State | None = None,
    until: datetime | None = None,  # noqa: ARG001  a row follows from its bar and those before it
) -> tuple[pl.DataFrame, State]:
    """Return one row a bar and one column a feature, null in its warm-up, from that bar and those before it alone.

    The state holds, under ``ticker bar_spec``, the states of all banks, one after the other.
    """
    banks = feature_banks()
    chosen = information_bars
    if params.bar_specs is not None:
        chosen = chosen.filter(pl.col("bar_spec").is_in(params.bar_specs))
    key = spec(Features).polars_schema.names()
    empty = pl.DataFrame(schema=spec(Features).polars_schema | dict.fromkeys(_names(banks), pl.Float64))
    frames, after = [empty], dict(state or {})
    by_series = chosen.sort(spec(InformationBars).key).partition_by("ticker", "bar_spec", as_dict=True)
    for (ticker, bar_spec), series in by_series.items():
        name = f"{ticker} {bar_spec}"
        before = after.get(name)
        after[name] = np.concatenate([bank.initial_state() for bank in banks]) if before is None else before.copy()
        frames.append(series.select(key).with_columns(_folded(banks, series, after[name])))
    return pl.concat(frames).sort(spec(Features).key), after


def feature_banks() -> list[Bank]:
    """Return every bank below ``tsis.features``, in the order of its modules.

    Raises
    ------
    ContractError
        If two banks give a column of the same name.
    """
    banks = members("tsis.features", Bank)
    names = _names(banks)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ContractError(
            f"tsis.features: {len(twice)} features are declared twice ({some(twice)}); rename one of each"
        )
    return banks


def feature_columns() -> dict[str, Column]:
    """Return the declared columns of all features, in order: what the table `features` is widened with."""
    return {
        feature.name: Column(
            pl.Float64,
            nullable=True,
            description=f"{feature.description} ({feature.source}); first value after {feature.warm_up} bars",
            metadata={"unit": feature.unit},
        )
        for bank in feature_banks()
        for feature in bank.outputs
    }


def _names(banks: list[Bank]) -> list[str]:
    return [feature.name for bank in banks for feature in bank.outputs]


def _folded(banks: list[Bank], series: pl.DataFrame, state: Array) -> list[pl.Series]:
    """Return the columns of all banks for the bars of one series, and leave the states after them in `state`."""
    columns, start = [], 0
    for bank in banks:
        outputs = bank.fold(_inputs(bank, series), state[start : start + bank.state_size])
        start += bank.state_size
        columns += [
            pl.Series(feature.name, values).fill_nan(None)
            for feature, values in zip(bank.outputs, outputs, strict=True)
        ]
    return columns


def _inputs(bank: Bank, series: pl.DataFrame) -> Array:
    columns = [
        series[name].cast(pl.Int64) if isinstance(series.schema[name], pl.Datetime) else series[name]
        for name in bank.inputs
    ]
    return np.vstack([column.cast(pl.Float64).fill_null(float("nan")).to_numpy() for column in columns])
