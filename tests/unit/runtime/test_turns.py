"""Stages that need nothing of each other run beside each other; those that count trials take turns."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import polars as pl
import pytest

from tsis.core.errors import StageError
from tsis.core.params import Params
from tsis.core.stage import AnyStage, stage
from tsis.core.table import Table, column, spec
from tsis.lake.store import Lake
from tsis.runtime.results import Silent
from tsis.runtime.run import run
from tsis.runtime.turns import may_begin
from tsis.tables.governance.lineage import Lineage
from tsis.tables.governance.runs import Runs
from tsis.tables.governance.trials import Trials


class Rains(Table, name="demo.rains", key=("day",)):
    """What is there."""

    day: int = column("days", "Day")


class Rivers(Table, name="demo.rivers", key=("day",)):
    """What one stage makes of it."""

    day: int = column("days", "Day")


class Fields(Table, name="demo.fields", key=("day",)):
    """What another makes of it."""

    day: int = column("days", "Day")


class Harvests(Table, name="demo.harvests", key=("day",)):
    """What needs both."""

    day: int = column("days", "Day")


class NoParams(Params):
    pass


class Meeting:
    """Where two stages wait for each other; each of them knows whether the other came."""

    def __init__(self, wait_s: float) -> None:
        self._barrier = threading.Barrier(2)
        self._wait_s = wait_s
        self.met: list[bool] = []

    def attend(self) -> None:
        try:
            self._barrier.wait(self._wait_s)
            self.met.append(True)
        except threading.BrokenBarrierError:
            self.met.append(False)


def chain_of(meeting: Meeting, planted: Exception | None = None) -> list[AnyStage]:
    @stage(reads=[Rains], writes=[Rivers])
    def rivers(rains: pl.DataFrame, params: NoParams) -> pl.DataFrame:
        """Flow."""
        meeting.attend()
        if planted:
            time.sleep(0.2)  # the other stage has published by then
            raise planted
        return rains

    @stage(reads=[Rains], writes=[Fields])
    def fields(rains: pl.DataFrame, params: NoParams) -> pl.DataFrame:
        """Grow."""
        meeting.attend()
        return rains

    @stage(reads=[Rivers, Fields], writes=[Harvests])
    def harvests(rivers: pl.DataFrame, fields: pl.DataFrame, params: NoParams) -> pl.DataFrame:
        """Join."""
        return rivers.join(fields, on="day")

    return [rivers, fields, harvests]


PARAMS = {name: NoParams() for name in ("rivers", "fields", "harvests")}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    tables = [spec(t) for t in (Rains, Rivers, Fields, Harvests, Runs, Lineage)]
    found = Lake(tmp_path / "lake", {table.name: table for table in tables}, wait_s=5)
    found.replace("demo.rains", pl.DataFrame({"day": [1, 2]}))
    return found


def test_two_stages_are_at_work_at_once(lake: Lake) -> None:
    meeting = Meeting(wait_s=30.0)
    report = run(lake, chain_of(meeting), PARAMS, threads=2)
    assert meeting.met == [True, True]
    assert [outcome.stage for outcome in report.outcomes] == ["rivers", "fields", "harvests"]
    assert lake.scan("demo.harvests").collect().height == 2


def test_with_one_thread_they_run_one_after_the_other(lake: Lake) -> None:
    meeting = Meeting(wait_s=0.1)
    assert not run(lake, chain_of(meeting), PARAMS, threads=1).failed
    assert meeting.met == [False, False]


def test_one_that_fails_takes_nothing_from_the_other(lake: Lake) -> None:
    report = run(lake, chain_of(Meeting(wait_s=30.0), StageError("planted")), PARAMS, threads=2)
    assert [outcome.status for outcome in report.outcomes] == ["failed", "success", "skipped"]
    assert set(lake.snapshot().tables) >= {"demo.fields"}
    assert not {"demo.rivers", "demo.harvests"} & set(lake.snapshot().tables)


def test_an_interruption_ends_the_run_and_nothing_is_promoted(lake: Lake) -> None:
    class Interrupting(Silent):
        def started(self, stage: str, position: int, total: int) -> None:
            if stage == "fields":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(lake, chain_of(Meeting(wait_s=0.1)), PARAMS, threads=2, progress=Interrupting())
    assert set(lake.snapshot().tables) == {"demo.rains"}
    assert not run(lake, chain_of(Meeting(wait_s=30.0)), PARAMS, threads=2).failed


def test_who_needs_nobody_begins_and_who_counts_trials_waits() -> None:
    @stage(reads=[Rains], writes=[Rivers, Trials])
    def rivers(rains: pl.DataFrame, params: NoParams) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Count."""
        raise NotImplementedError

    @stage(reads=[Rains], writes=[Fields, Trials])
    def fields(rains: pl.DataFrame, params: NoParams) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Count."""
        raise NotImplementedError

    harvests = chain_of(Meeting(0.0))[-1]
    chain: list[AnyStage] = [rivers, fields, harvests]
    assert may_begin(0, chain, set())
    assert not may_begin(1, chain, set())
    assert may_begin(1, chain, {0})
    assert not may_begin(2, chain, {0})
    assert may_begin(2, chain, {0, 1})
