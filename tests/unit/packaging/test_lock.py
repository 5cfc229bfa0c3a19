"""The lock is complete, hashed, and says nothing of where it was made."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LOCKS = ["requirements.lock", "requirements-peers.lock"]


def entries(lock: str) -> dict[str, list[str]]:
    """Return the hashes of each requirement line of a lock file."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {line.split(" --hash=")[0].strip(): re.findall(r"--hash=(\S+)", line) for line in lines}


def pins(lock: str) -> dict[str, set[str]]:
    """Return the exact versions by canonical name."""
    found: dict[str, set[str]] = {}
    for line in entries(lock):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier).removeprefix("=="))
    return found


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    locked = entries(lock)
    assert len(locked) > 10
    for line, hashes in locked.items():
        assert [clause.operator for clause in Requirement(line).specifier] == ["=="], line
        assert hashes, f"{line} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), line


@pytest.mark.parametrize("lock", LOCKS)
def test_no_host_and_no_path_in_a_lock(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.findall(r"://|file:|--(?:extra-)?index-url|--find-links|@ |/(?:home|root|tmp|opt|work)/", text)


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_the_lock_satisfies_what_is_declared(requirement: Requirement) -> None:
    versions = pins("requirements.lock").get(canonicalize_name(requirement.name), set())
    assert versions, f"{requirement.name} is declared in pyproject.toml but not locked: make lock"
    assert all(requirement.specifier.contains(version) for version in versions)


def test_what_builds_the_project_is_locked_too() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert {canonicalize_name(Requirement(line).name) for line in build} <= pins("requirements.lock").keys()
