"""Every notebook runs from top to bottom on the demo lake, within a minute, and is kept without its outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tsis.runtime.settings import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, demo_lake):
    command = [sys.executable, "-m", "pytest", "--nbmake", "--nbmake-timeout=60", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "TSIS_LAKE": str(demo_lake)}
    done = subprocess.run(
        [*command, str(path)], env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout[-3_000:]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
