"""The state cache: what it keeps, and what it refuses to believe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tsis.core.errors import StageError
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import Table, Timestamp, column, spec
from tsis.lake import Lake
from tsis.runtime.checkpoints import Checkpoints, Segment, named_state
from tsis.runtime.run import run
from tsis.tables.governance.lineage import Lineage
from tsis.tables.governance.runs import Runs
from tsis.tables.governance.trials import Trials

T0 = datetime(2020, 1, 6, tzinfo=UTC)


def written(folder, count, key="k"):
    """Let a cache grow by one segment at a time, as daily runs do."""
    segments = []
    for i in range(count):
        name, content = named_state({"x": np.array([float(i)])})
        segments.append(Segment(T0 + timedelta(days=i), f"c{i}", f"p{i}", f"f{i}", name))
        Checkpoints(folder, key).write(segments, {name: content})
    return segments


def test_segments_and_states_come_back(tmp_path):
    segments = written(tmp_path, 3)
    cache = Checkpoints(tmp_path, "k")
    assert cache.read() == tuple(segments)
    assert [cache.state(segment)["x"].tolist() for segment in segments] == [[0.0], [1.0], [2.0]]


def test_another_key_finds_nothing(tmp_path):
    written(tmp_path, 3)
    assert Checkpoints(tmp_path, "other").read() == ()


def test_older_states_thin_out_and_the_early_change_costs_at_most_twice(tmp_path):
    segments = written(tmp_path, 200)
    cache = Checkpoints(tmp_path, "k")
    kept = [i for i, segment in enumerate(segments) if cache.state(segment) is not None]
    assert kept[-4:] == [196, 197, 198, 199]
    assert len(kept) < 30
    for changed in range(1, 200):
        resumed = max((i for i in kept if i < changed), default=-1)
        assert 200 - (resumed + 1) <= 2 * (200 - changed) + 2


def test_a_damaged_state_is_none(tmp_path):
    segments = written(tmp_path, 1)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:-1])
    assert Checkpoints(tmp_path, "k").state(segments[0]) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "{",
        lambda text: "{}",
        lambda text: "[]",
        lambda text: "null",
        lambda text: text.replace("consumed", "consumee", 1),
        lambda text: text.replace("+00:00", "", 1),
        lambda text: text.replace("2020-01-06", "2020-01-07", 1),
        lambda text: text.replace('"c1"', '"c9"', 1),
    ],
)
def test_a_damaged_index_is_not_believed(tmp_path, damage):
    written(tmp_path, 3)
    index = tmp_path / "segments.json"
    index.write_text(damage(index.read_text()))
    assert Checkpoints(tmp_path, "k").read() == ()


class Ticks(Table, name="demo.ticks", key=("ticker", "ts"), time="ts", partition="date"):
    """Ticks of the test."""

    ticker: str = column("symbol", "Ticker")
    ts: Timestamp = column("UTC", "Time")


class Late(Table, name="demo.late", key=("ticker", "ts"), time="ts", partition="date"):
    """What a stage says of a time that it was not asked about."""

    ticker: str = column("symbol", "Ticker")
    ts: Timestamp = column("UTC", "Time")


class LateParams(Params):
    pass


@stage(reads=[Ticks], writes=[Late], by="ticker")
def late(ticks: pl.DataFrame, params: LateParams, state=None, until=None):
    """Speak of yesterday."""
    return ticks.with_columns(pl.col("ts") - timedelta(days=1)), {}


def test_a_stage_that_speaks_of_another_span_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tsis.runtime.resume.SEGMENT_ROWS", 1)
    lake = Lake(tmp_path / "lake", {spec(t).name: spec(t) for t in (Ticks, Late, Runs, Lineage, Trials)}, wait_s=5)
    moments = [T0 + timedelta(days=i, hours=5) for i in range(3)]
    lake.replace("demo.ticks", pl.DataFrame({"ticker": ["A"] * 3, "ts": moments}, schema=spec(Ticks).polars_schema))
    outcome = run(lake, [late], {"late": LateParams()}).outcomes[0]
    assert outcome.status == "failed"
    assert "not known in the span" in outcome.failures["A"]


def test_state_without_until_is_refused():
    def late(ticks: pl.DataFrame, params: LateParams, state=None):
        """Forget the time."""

    with pytest.raises(TypeError, match="go together"):
        stage(reads=[Ticks], writes=[Late], by="ticker")(late)


def test_the_number_of_frames_is_checked():
    @stage(reads=[Ticks], writes=[Late], by="ticker")
    def late(ticks: pl.DataFrame, params: LateParams):
        """Return too much."""
        return ticks, ticks

    with pytest.raises(StageError, match="2 frames for 1"):
        late.frames({"ticks": pl.DataFrame()}, LateParams())
