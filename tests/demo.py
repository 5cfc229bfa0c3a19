"""Fixtures: the bundled data through the whole chain, built once a session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def tsis(*arguments: str, lake: Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "tsis.cli", "--lake", str(lake), *arguments]
    found = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280, check=False
    )
    if check and found.returncode:
        pytest.fail(f"{' '.join(arguments)} exited {found.returncode}:\n{found.stdout}\n{found.stderr}")
    return found


@pytest.fixture(scope="session")
def demo_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake on which `tsis demo` has run; tests must not change it."""
    root = tmp_path_factory.mktemp("demo") / "lake"
    tsis("demo", lake=root)
    return root
