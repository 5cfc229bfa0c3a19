"""Signatures of compiled kernels as text, such as ``tsis.kernels.bars.fold_bars(int64[1]r, float64, float64[2])``."""

from __future__ import annotations

import importlib
import re
from typing import Any

_ARRAY = re.compile(r"(\w+)\[(\d)\](r?)")
_TUPLE = re.compile(r"([\w.]+)\((\w+)\*(\d+)\)")


def written(kernel: Any, arguments: tuple[Any, ...]) -> str | None:
    """Return one signature of a compiled kernel as text; None where a type has no notation here.

    Scalars by their name; C-ordered arrays as ``float64[2]``, read-only ones as ``float64[2]r``; named tuples of one
    type as ``module.Class(float64*11)``.
    """
    texts = [_text(kind) for kind in arguments]
    function = kernel.py_func
    if None in texts:
        return None
    return f"{function.__module__}.{function.__qualname__}({', '.join(str(text) for text in texts)})"


def read(text: str) -> tuple[Any, tuple[Any, ...]]:
    """Return the kernel and the argument types that `written` gave `text` for.

    Raises
    ------
    ImportError, AttributeError
        If there is no such kernel.
    """
    name, _, arguments = text.removesuffix(")").partition("(")
    return _named(name), tuple(_type(part) for part in arguments.split(", "))


def _text(kind: Any) -> str | None:
    from numba import types  # noqa: PLC0415

    if isinstance(kind, types.Array):
        is_plain = kind.layout == "C" and kind.aligned
        return f"{kind.dtype}[{kind.ndim}]{'' if kind.mutable else 'r'}" if is_plain else None
    if isinstance(kind, types.NamedUniTuple):
        named = kind.instance_class
        return f"{named.__module__}.{named.__qualname__}({kind.dtype}*{kind.count})"
    is_scalar = isinstance(kind, types.Number | types.Boolean) and not isinstance(kind, types.Literal)
    return str(kind) if is_scalar else None


def _type(text: str) -> Any:
    from numba import types  # noqa: PLC0415

    if found := _ARRAY.fullmatch(text):
        return types.Array(getattr(types, found[1]), int(found[2]), "C", readonly=bool(found[3]))
    if found := _TUPLE.fullmatch(text):
        return types.NamedUniTuple(getattr(types, found[2]), int(found[3]), _named(found[1]))
    return getattr(types, text)


def _named(name: str) -> Any:
    module, _, member = name.rpartition(".")
    return getattr(importlib.import_module(module), member)
