"""Which code a result depends on."""

from __future__ import annotations

import hashlib
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from tsis.runtime.settings import REPOSITORY

_PACKAGE = REPOSITORY / "tsis"
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)|import[ \t]+([^\n]+))", re.MULTILINE
)
_NAME, _COMMENT, _QUOTED = re.compile(r"[\w.]+"), re.compile(r"#[^\n]*"), re.compile(r"[\"'](tsis\.[\w.]*)")


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
    """Return what a module of tsis imports of tsis; found in its text, as parsing all sources takes half a second.

    What only looks like an import, in a docstring, counts too: a version then changes more often than it must.
    """
    text = _source(module).read_text(encoding="utf-8")
    names: list[str] = []
    for source, members, modules in _IMPORT.findall(text):
        found = _NAME.findall(_COMMENT.sub("", members or modules))
        names += [source, *(f"{source}.{name}" for name in found)] if source else found
    for package in _QUOTED.findall(text):
        names += _below(package)
    return tuple(name for name in names if name.split(".")[0] == "tsis" and _source(name).exists())


def _below(package: str) -> list[str]:
    folder = _PACKAGE.joinpath(*package.split(".")[1:])
    if not (folder / "__init__.py").exists():
        return []
    files = [file.relative_to(_PACKAGE.parent).with_suffix("") for file in sorted(folder.rglob("*.py"))]
    return [".".join(file.parts).removesuffix(".__init__") for file in files]


@cache
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
