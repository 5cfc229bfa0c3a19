"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo import demo_lake
from hypothesis import settings
from lakes import new_lake

from tsis.lake import Lake

# other processes share the machine: how long one example takes says nothing; and a failure must be repeatable
settings.register_profile("tsis", deadline=None, derandomize=True)
settings.load_profile("tsis")

__all__ = ["demo_lake"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake with all declared tables."""
    return new_lake(tmp_path / "lake")
