"""The two commands of a fresh clone and the list that explains the others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROMISED = {"demo", "test", "test-long", "check", "bench", "clean", "help", "lock"}


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program, "make is a prerequisite of this repository"
    # under `make test` the flags and variables of the outer make would reach this one
    outer = ("MAKE", "MFLAGS", "VENV", "PEERS_", "PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    return subprocess.run([program, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)


def targets() -> set[str]:
    (declaration,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    return set(declaration.split())


def test_help_is_the_default_and_lists_every_target() -> None:
    shown = make()
    listed = re.findall(r"^  make ([a-z-]+) +\S", shown.stdout, flags=re.MULTILINE)
    assert shown.returncode == 0
    assert shown.stdout == make("help").stdout
    assert len(listed) == len(set(listed))
    assert set(listed) == targets()
    assert targets() >= PROMISED


def test_an_old_python_is_refused_with_what_to_do(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    refused = make("install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert refused.returncode != 0
    assert "TSIS needs Python 3.11 or newer: make PYTHON=" in refused.stderr
    assert not (tmp_path / "venv").exists()


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    """With the stamps of the present lock and project file in place nothing is left to do: no network is needed."""
    venv = tmp_path / "venv"
    venv.mkdir()
    plan = make("--dry-run", "install", f"VENV={venv}").stdout
    stamps = re.findall(r"touch (\S+)", plan)
    assert len(stamps) == 2
    for stamp in stamps:
        Path(stamp).touch()
    assert "pip install" in plan
    assert "pip install" not in make("--dry-run", "install", f"VENV={venv}").stdout


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed(tmp_path: Path, changed: str) -> None:
    for name in ("Makefile", "requirements.lock", "requirements-peers.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    for stamp in re.findall(r"touch (\S+)", make("--dry-run", "install", cwd=tmp_path).stdout):
        (tmp_path / stamp).touch()
    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")
    plan = make("--dry-run", "install", cwd=tmp_path).stdout
    assert ("--require-hashes" in plan) == (changed == "requirements.lock")
    assert "--editable" in plan
