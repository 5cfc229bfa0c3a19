"""Finds the members of a package: adding a file is all it takes to add a member."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def modules(package: str) -> Iterator[ModuleType]:
    """Import and yield `package` and everything below it, in name order.

    An import error propagates: a broken member must never be skipped silently.
    """
    root = importlib.import_module(package)
    yield root
    paths = getattr(root, "__path__", None)
    if paths is None:
        return
    for info in sorted(pkgutil.walk_packages(paths, prefix=f"{package}."), key=lambda found: found.name):
        yield importlib.import_module(info.name)


def members(package: str, kind: type[T]) -> list[T]:
    """Return the instances of `kind` bound at module level below `package`, each once, in module order."""
    found: dict[int, T] = {}
    for module in modules(package):
        for value in vars(module).values():
            if isinstance(value, kind):
                found.setdefault(id(value), value)
    return list(found.values())
