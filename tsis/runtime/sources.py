"""The sources by name."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import ValidationError

from tsis.core.discovery import members
from tsis.core.errors import UnknownNameError, UsageError
from tsis.core.params import Params, wrong_fields
from tsis.sources.protocol import AnySource, Source


@cache
def sources() -> dict[str, AnySource]:
    """Return every source by name."""
    found: list[AnySource] = members("tsis.sources", Source)
    return {source.name: source for source in sorted(found, key=lambda source: source.name)}


def source_named(name: str) -> AnySource:
    """Return a source.

    Raises
    ------
    UnknownNameError
        If there is none, with the nearest name.
    """
    if name not in sources():
        raise UnknownNameError("source", name, sources())
    return sources()[name]


def request_for(source: AnySource, options: dict[str, Any]) -> Params:
    """Return what to fetch, from the options of a command line.

    Raises
    ------
    UsageError
        If an option is unknown, missing or impossible.
    """
    known = source.request.model_fields
    for option in options:
        if option not in known:
            raise UnknownNameError(f"option of source {source.name}", option, known)
    try:
        request: Params = source.request.model_validate(options)
    except ValidationError as error:
        raise UsageError(f"source {source.name}: {wrong_fields(error, source.request)}") from error
    return request
