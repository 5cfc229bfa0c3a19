"""The families of features: found below this package, with parameters from params.yaml."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

import tsis.features
from tsis.core.discovery import members
from tsis.core.errors import ContractError, UnknownNameError, some
from tsis.core.feature import Bank, Family
from tsis.core.params import wrong_fields

Settings = Mapping[str, Mapping[str, Any]]


@cache
def families() -> dict[str, Family[Any]]:
    """Return every family by name, in the order of their modules: those of the packages below ``tsis.features``.

    The modules beside these are stages, which a live session does without: importing them takes as long as all else.

    Raises
    ------
    ContractError
        If two have the same name.
    """
    groups = sorted(info.name for info in pkgutil.iter_modules(tsis.features.__path__, "tsis.features.") if info.ispkg)
    found = [family for group in groups for family in members(group, Family)]
    names = [family.name for family in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ContractError(
            f"tsis.features: {len(twice)} families are declared twice ({some(twice)}); rename one of each"
        )
    return {family.name: family for family in found}


def chosen_families(settings: Settings, leave_out: Iterable[str]) -> dict[str, Bank]:
    """Return the bank of every family that is not left out, by its name.

    Parameters
    ----------
    settings : parameters by family; the others have their defaults.
    leave_out : families to leave out.

    Raises
    ------
    UnknownNameError
        If a family does not exist.
    ContractError
        If parameters do not suit, or two banks give a column of the same name.
    """
    known = families()
    for name in (*settings, *leave_out):
        if name not in known:
            raise UnknownNameError("family of features", name, known)
    banks = {
        name: family(_params(family, settings.get(name, {})))
        for name, family in known.items()
        if name not in set(leave_out)
    }
    columns = [output.name for bank in banks.values() for output in bank.outputs]
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise ContractError(
            f"tsis.features: {len(twice)} features are declared twice ({some(twice)}); rename one of each"
        )
    return banks


def _params(family: Family[Any], given: Mapping[str, Any]) -> Any:
    try:
        return family.params.model_validate(dict(given))
    except ValidationError as error:
        raise ContractError(f"{family.name}: {wrong_fields(error, family.params)}") from error
