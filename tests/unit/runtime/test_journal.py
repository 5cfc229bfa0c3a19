"""A run that ends in the middle leaves a journal, and the next run finds what was finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import Table, column, spec
from tsis.lake import Lake
from tsis.runtime.dag import ordered
from tsis.runtime.journal import FOLDER
from tsis.runtime.results import RunReport, Silent
from tsis.runtime.run import run
from tsis.tables.governance.lineage import Lineage
from tsis.tables.governance.runs import Runs


class Causes(Table, name="demo.causes", key=("day",)):
    """Where it begins."""

    day: int = column("days", "Day")


class Effects(Table, name="demo.effects", key=("day",)):
    """What follows."""

    day: int = column("days", "Day")


class Ends(Table, name="demo.ends", key=("day",)):
    """What follows from that."""

    day: int = column("days", "Day")


class NoParams(Params):
    pass


@stage(reads=[Causes], writes=[Effects])
def effects(causes: pl.DataFrame, params: NoParams) -> pl.DataFrame:
    """Copy."""
    return causes


@stage(reads=[Effects], writes=[Ends])
def ends(effects: pl.DataFrame, params: NoParams) -> pl.DataFrame:
    """Copy."""
    return effects


class AtEnds(Silent):
    """Acts when the stage `ends` begins."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def started(self, stage: str, position: int, total: int) -> None:
        if stage == "ends":
            self._act()


def new_lake(root: Path) -> Lake:
    tables = [spec(t) for t in (Causes, Effects, Ends, Runs, Lineage)]
    return Lake(root, {table.name: table for table in tables}, wait_s=5)


def go(lake: Lake, act: Callable[[], object] = lambda: None) -> RunReport:
    chain = list(ordered([effects, ends]).values())
    return run(lake, chain, {"effects": NoParams(), "ends": NoParams()}, progress=AtEnds(act))


def statuses(report: RunReport) -> list[str]:
    return [outcome.status for outcome in report.outcomes]


def go_and_die(root: str) -> None:
    go(new_lake(Path(root)), lambda: os.kill(os.getpid(), signal.SIGKILL))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = new_lake(tmp_path / "lake")
    found.replace("demo.causes", pl.DataFrame({"day": [1, 2]}))
    return found


def journals(lake: Lake) -> list[Path]:
    return sorted((lake.root / FOLDER).glob("*"))


def test_a_run_that_ends_well_leaves_no_journal(lake: Lake) -> None:
    go(lake)
    assert journals(lake) == []
    assert lake.scan("runs").collect().height == 2


def interrupt() -> None:
    raise KeyboardInterrupt


def test_the_run_after_an_interrupted_one_begins_where_that_ended(lake: Lake) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(lake, interrupt)
    assert len(journals(lake)) == 1
    assert "governance.runs" not in lake.snapshot().tables
    assert statuses(go(lake)) == ["unchanged", "success"]
    assert journals(lake) == []
    runs = lake.scan("runs").collect()
    assert sorted(runs["stage"]) == ["effects", "ends"]
    assert runs["run_id"].n_unique() == 2
    assert lake.scan("lineage").collect().height == 2


def test_the_run_after_a_killed_one_begins_where_that_ended(lake: Lake) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", f"import {__name__} as t; t.go_and_die({str(lake.root)!r})"],
        check=False,
        cwd=Path(__file__).parent,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(journals(lake)) == 1
    assert statuses(go(lake)) == ["unchanged", "success"]


def test_half_a_line_is_not_read(lake: Lake) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(lake, interrupt)
    (left,) = journals(lake)
    left.write_bytes(left.read_bytes()[:-5])
    assert statuses(go(lake)) == ["success", "success"]
    assert journals(lake) == []


def test_the_journal_of_a_running_run_is_left_alone(lake: Lake) -> None:
    other = new_lake(lake.root)
    seen: list[int] = []

    def meanwhile() -> None:
        run(other, [], {})
        seen.append(len(journals(lake)))

    assert statuses(go(lake, meanwhile)) == ["success", "success"]
    assert seen == [1]
    assert lake.scan("runs").collect().height == 2
