"""A real Prefect server over the demo's lake, for all tests of a session."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect_server import Prefect, started


@pytest.fixture(scope="session")
def prefect(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """Return what runs over a copy of the demo's lake."""
    folder = tmp_path_factory.mktemp("prefect")
    shutil.copytree(demo_lake, folder / "lake")
    with started(folder, folder / "lake") as running:
        yield running
