"""`dvc repro` in a clone with an empty lake: what it makes, that it makes it once, and what a parameter changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPENDENCIES = "^(lake|tsis|data|requirements)"  # as `make experiments` does
FEW = ["sessions", "daily_cache", "information_bars", "events"]


class Clone:
    """A clone of the repository as it is, with a `tsis` of its own on the path."""

    def __init__(self, root: Path, threads: int) -> None:
        self.root = root
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            capture_output=True,
            check=True,
        ).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        programs = root.parent / f"{root.name}-bin"
        programs.mkdir()
        (programs / "tsis").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tsis.cli "$@"\n')
        (programs / "tsis").chmod(0o755)
        self.elsewhere = root.parent / f"{root.name}-elsewhere"
        self.environment = {
            name: value for name, value in os.environ.items() if name not in ("TSIS_LAKE", "TSIS_PARAMS")
        } | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(root), "TSIS_THREADS": str(threads)}
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
            identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            subprocess.run(["git", "-C", str(root), *identity, *command], check=True, capture_output=True)

    def dvc(self, *arguments: str, timeout_s: float = 280) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.root,
            env=self.environment | {"TSIS_LAKE": str(self.elsewhere)},  # a deployment's, which DVC leaves alone
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def made(self) -> dict[str, str]:
        """Return output to MD5, of dvc.lock."""
        stages = yaml.safe_load((self.root / "dvc.lock").read_text())["stages"]
        return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    made = Clone(tmp_path_factory.mktemp("dvc") / "clone", threads=1)
    (made.root / "dvc.lock").unlink(missing_ok=True)
    made.dvc("repro", *FEW)
    return made


def test_a_second_repro_does_nothing(clone):
    before = (clone.root / "dvc.lock").read_bytes()
    said = clone.dvc("repro", *FEW)
    assert "Running stage" not in said
    assert (clone.root / "dvc.lock").read_bytes() == before


def test_the_command_line_with_nothing_to_do_leaves_the_status_clean(clone):
    subprocess.run(
        ["tsis", "run", "events"], cwd=clone.root, env=clone.environment, check=True, capture_output=True, timeout=280
    )
    assert "up to date" in clone.dvc("status", *FEW)


def test_a_parameter_changes_what_depends_on_it_and_no_more(clone):
    path = clone.root / "params.yaml"
    before, text = clone.made(), path.read_text()
    try:
        path.write_text(text.replace("{span: 50", "{span: 40", 1))
        assert path.read_text() != text
        ran = set(re.findall(r"Running stage '(\w+)'", clone.dvc("repro", *FEW)))
    finally:
        path.write_text(text)
    after = clone.made()
    assert ran == {"events"}
    assert {name for name in after if after[name] != before.get(name)} == {"lake/labeling/events/_manifest.json"}


def test_an_experiment_is_compared_and_every_other_lake_left_alone(clone):
    clone.dvc("repro", *FEW)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(clone.root), *identity, "commit", "-qam", "made"], check=False)
    before = clone.made()
    said = clone.dvc("exp", "run", "-n", "shorter", "-S", "events.series.future.dollar_70M.span=40", "events")
    assert set(re.findall(r"Running stage '(\w+)'", said)) == {"events"}
    after = clone.made()
    assert {name for name in after if after[name] != before[name]} == {"lake/labeling/events/_manifest.json"}
    assert not clone.elsewhere.exists()
    header, *rows = clone.dvc("exp", "show", "--csv", "--only-changed", "--drop", DEPENDENCIES).splitlines()
    assert header.endswith(",events.series.future.dollar_70M.span")
    assert len(header.split(",")) <= 6, "a table that a person can read"
    assert [row.rpartition(",")[2] for row in rows if "shorter" in row] == ["40"]
    clone.dvc("exp", "remove", "shorter")
    subprocess.run(["git", "-C", str(clone.root), "checkout", "-q", "."], check=True)


def test_what_is_made_is_what_dvc_lock_says(clone):
    """Other threads, another lake, another machine: the same manifests."""
    lock = ROOT / "dvc.lock"
    if not lock.exists():
        pytest.skip("the repository has no dvc.lock yet: make repro")
    kept = yaml.safe_load(lock.read_text())["stages"]
    expected = {out["path"]: out["md5"] for stage in kept.values() for out in stage["outs"]}
    clone.dvc("repro", *FEW)
    made = clone.made()
    wrong = {path for path in made if made[path] != expected.get(path)}
    assert not wrong, f"{sorted(wrong)} differ from dvc.lock: a number changed; if it should have, run make repro"


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_the_whole_chain_twice_with_other_thread_counts(tmp_path):
    made = []
    for threads in (1, 2):
        clone = Clone(tmp_path / f"clone{threads}", threads)
        (clone.root / "dvc.lock").unlink(missing_ok=True)
        clone.dvc("repro", timeout_s=1400)
        assert "up to date" in clone.dvc("status")
        made.append(clone.made())
    assert made[0] == made[1]
    assert len(made[0]) > 30
