"""Parameters by series: asset class, then bar specification; a name that can't be is refused when they are read."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator

from tsis.core.bar_spec import parse_bar_spec
from tsis.core.errors import UnknownNameError, UsageError
from tsis.core.instrument import ASSET_CLASSES

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
