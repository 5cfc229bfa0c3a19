"""Numba compilation with the one set of flags that this house allows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_CORE = Path(__file__).resolve().parent
_KERNELS = _CORE.parent / "kernels"
_COMPILED_IN = (_CORE / "stream.py", _CORE / "step_call.py")


def cache_dir() -> Path:
    """Return the folder for compiled kernels, named after a hash of all kernel sources.

    Numba's own cache misses an edit in a function that a kernel calls; a new folder for each state
    of the sources can't.
    """
    root = os.environ.get("TSIS_JIT_CACHE")
    base = Path(root) if root else Path.home() / ".cache" / "tsis" / "jit"
    return base / _digest()[:16]


@cache
def _digest() -> str:
    digest = hashlib.sha256()
    for source in (*sorted(_KERNELS.rglob("*.py")), *_COMPILED_IN):
        digest.update(source.relative_to(_CORE.parent).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def jit(function: F) -> F:
    """Compile `function` without the GIL, with IEEE division, cached on disk, never with fastmath.

    What compiled code calls is compiled apart, see `inner`, and once for all literals of a type, not once a literal.
    What another process is compiling is waited for and loaded, not compiled again.
    """
    import numba  # noqa: PLC0415  0.7 s: only who compiles pays

    from tsis.core.jit_claim import ClaimedCache  # noqa: PLC0415  imports numba

    flags = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_dir())
    try:
        compiled: Any = numba.njit(**flags)(function)
        compiled._cache = ClaimedCache(function)  # as numba's own `cache=True` does
        called: Any = numba.njit(**flags, no_cpython_wrapper=True)(function)
        called._cache = ClaimedCache(function, "inner")
    finally:
        numba.config.CACHE_DIR = before

    def call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        plain = {name: numba.types.unliteral(given) for name, given in kws.items()}
        return called.get_call_template(tuple(numba.types.unliteral(given) for given in args), plain)

    compiled.inner = called
    compiled.get_call_template, compiled.get_overload = call_template, called.get_overload
    return cast(F, compiled)


def inner(function: Callable[..., Any]) -> Any:
    """Return what compiled code calls instead of `function`: the same without the wrapper that only Python needs.

    The wrapper takes longer to compile than a short function.
    """
    compiled: Any = function
    return compiled.inner
