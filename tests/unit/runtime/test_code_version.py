"""A stage's version follows from everything of TSIS that it imports, and from what is locked."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tsis.runtime import code_version as subject
from tsis.runtime.dag import stages

ALL = subject._below("tsis")


def parsed_imports(module: str) -> set[str]:
    """The modules of TSIS that the statements of a module import, by Python's own parser."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(subject._source(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "tsis" and subject._source(name).exists()}


@pytest.mark.parametrize("module", ALL)
def test_no_import_is_overlooked(module: str) -> None:
    assert parsed_imports(module) <= set(subject._imports(module))


def test_what_stages_import_counts_and_what_runs_them_does_not() -> None:
    features = subject._closure(stages()["features"].module)
    assert {"tsis.features.engine", "tsis.kernels.run_banks", "tsis.core.stage"} <= features
    assert {"tsis.features.families"} < {name for name in features if name.startswith("tsis.features.")}
    assert not {name for name in features if name.startswith(("tsis.runtime", "tsis.cli"))}


def test_an_edit_far_away_is_a_new_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "near": "from tsis.demo import (\n    far,  # first\n    farther,\n)\n",
        "far": '"""Nothing."""\n',
        "farther": 'PACKAGE = "tsis.demo.bank"\n',
        "bank/__init__": "",
        "bank/one": "RATE = 1\n",
        "aside": "RATE = 1\n",
    }.items():
        path = tmp_path / "tsis" / "demo" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(subject, "_PACKAGE", tmp_path / "tsis")

    def forget() -> None:
        for cached in (subject.code_version, subject._imports, subject._source):
            cached.cache_clear()

    def version() -> str:
        forget()
        return subject.code_version("tsis.demo.near")

    try:
        before = version()
        (tmp_path / "tsis" / "demo" / "aside.py").write_text("RATE = 2\n")
        assert version() == before
        (tmp_path / "tsis" / "demo" / "bank" / "one.py").write_text("RATE = 2\n")
        assert version() != before
    finally:
        monkeypatch.undo()
        forget()
