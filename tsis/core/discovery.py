"""Finds the members of a package: adding a file is all it takes to add a member."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def modules(package: str) -> Iterator[ModuleType]:
    """Import and yield `package` and everything below it, in name order.

    An import error propagates: a broken member must never be skipped silently. A package may name in ``UNDISCOVERED``
    its modules that hold no members and are slow to import.
    """
    root = importlib.import_module(package)
    yield root
    paths = getattr(root, "__path__", None)
    if paths is None:
        return
    for info in sorted(pkgutil.walk_packages(paths, prefix=f"{package}."), key=lambda found: found.name):
        parent, _, name = info.name.rpartition(".")
        if name not in getattr(sys.modules[parent], "UNDISCOVERED", ()):
            yield importlib.import_module(info.name)


def members(package: str, kind: type[T]) -> list[T]:
    """Return the instances of `kind` bound at module level below `package`, each once, in module order."""
    found: dict[int, T] = {}
    for module in modules(package):
        for value in vars(module).values():
            if isinstance(value, kind):
                found.setdefault(id(value), value)
    return list(found.values())
