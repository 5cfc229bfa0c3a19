"""Which code a result depends on."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from tsis.runtime.settings import REPOSITORY

_PACKAGE = REPOSITORY / "tsis"


@cache
def code_version(module: str) -> str:
    """Return the SHA-256 over a module, its transitive imports within tsis, and the lock.

    A package named in a string (as discovery takes it) counts with everything below it.
    """
    digest = hashlib.sha256(_locked_versions().encode())
    for name in sorted(_closure(module)):
        digest.update(name.encode())
        digest.update(_source(name).read_bytes())
    return digest.hexdigest()


def _closure(module: str) -> set[str]:
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _imports(name)
    return seen


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: list[str] = []
    text = _source(module).read_text(encoding="utf-8")
    tree = ast.parse(text)
    # a package can be named in any expression; an import is a statement, and those are a tenth of all nodes
    for node in ast.walk(tree) if re.search("[\"']tsis[.]", text) else _statements(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("tsis."):
            names += _below(node.value)
    return tuple(name for name in names if name.split(".")[0] == "tsis" and _exists(name))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, block, ())


def _below(package: str) -> list[str]:
    folder = _PACKAGE.joinpath(*package.split(".")[1:])
    if not (folder / "__init__.py").exists():
        return []
    files = [file.relative_to(_PACKAGE.parent).with_suffix("") for file in sorted(folder.rglob("*.py"))]
    return [".".join(file.parts).removesuffix(".__init__") for file in files]


def _exists(module: str) -> bool:
    return _source(module).exists()


def _source(module: str) -> Path:
    """Return the file of a module; one outside tsis, such as a user's stage, must be imported."""
    if module.split(".")[0] != "tsis":
        return Path(str(sys.modules[module].__file__))
    path = _PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _locked_versions() -> str:
    """Return the lock, or the installed versions where TSIS was installed without its repository."""
    lock = REPOSITORY / "requirements.lock"
    if lock.exists():
        return lock.read_text(encoding="utf-8")
    return "\n".join(sorted(f"{found.name}=={found.version}" for found in metadata.distributions()))
