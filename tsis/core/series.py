"""Parameters by series: asset class, then bar specification; a name that can't be is refused when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, TypeVar

import polars as pl
from pydantic import AfterValidator

from tsis.core.bar_spec import parse_bar_spec
from tsis.core.errors import UnknownNameError, UsageError
from tsis.core.instrument import ASSET_CLASSES, instrument

T = TypeVar("T")


# as ValueErrors, so that the place in the parameters is told with them
def _bar_spec(name: str) -> str:
    try:
        return parse_bar_spec(name).name
    except UsageError as error:
        raise ValueError(str(error)) from error


def _asset_class(name: str) -> str:
    if name not in ASSET_CLASSES:
        raise ValueError(str(UnknownNameError("asset class", name, ASSET_CLASSES)))
    return name


BarSpecName = Annotated[str, AfterValidator(_bar_spec)]
AssetClass = Annotated[str, AfterValidator(_asset_class)]
Series = dict[AssetClass, dict[BarSpecName, T]]


def by_series(
    rows: pl.DataFrame, tickers_dim: pl.DataFrame, series: Mapping[str, Mapping[str, T]]
) -> Iterator[tuple[pl.DataFrame, T | None]]:
    """Yield the rows of each ticker and bar specification, in their order, and its parameters, None where it has none.

    Parameters
    ----------
    rows : with ticker and bar_spec.
    series : asset class, then bar specification, to parameters.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim.
    """
    for (ticker, bar_spec), part in rows.partition_by("ticker", "bar_spec", as_dict=True).items():
        yield part, series.get(instrument(tickers_dim, ticker).asset_class, {}).get(bar_spec)
