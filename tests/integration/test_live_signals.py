"""The live-signal flow over the bundled ticks: it equals the batch bit for bit, and goes on after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from demo import tsis
from polars.testing import assert_frame_equal

from tsis.core.clock import FrozenClock
from tsis.core.errors import LockTimeoutError, UnknownNameError, UsageError
from tsis.governance.model_stages import Change, chained
from tsis.lake.store import Lake
from tsis.live.equality import compare
from tsis.live.serving import Served
from tsis.live.session import WRITES
from tsis.runtime.live_signals import LIVE, REPLAY, _strategies, replay, session_lake, step_live
from tsis.runtime.workspace import open_workspace

END = datetime(2013, 9, 3, 18, 52, tzinfo=UTC)
BAR = ["ticker", "bar_spec", "ts_close", "seq"]


@pytest.fixture(scope="module")
def workspace(demo_lake, tmp_path_factory):
    """Return a workspace on a copy of the demo's lake on which ES was replayed."""
    root = tmp_path_factory.mktemp("live") / "lake"
    shutil.copytree(demo_lake, root)
    return open_workspace(root)


@pytest.fixture(scope="module")
def replayed(workspace):
    return replay(workspace, every=timedelta(hours=2))


def test_a_replay_equals_the_batch_bit_for_bit(replayed):
    found = {compared.table: compared for compared in replayed.compared}
    assert replayed.is_equal
    assert all(compared.is_equal and not compared.held_back for compared in replayed.compared)
    assert found["processed_features.features"].rows > 2_000
    assert found["processed_features.features"].columns > 200
    assert found["signals.predictions"].rows > 50
    assert found["signals.setups"].rows > 100
    assert found["signals.signals_history"].rows > 100


def test_a_difference_of_one_bit_is_seen(workspace, replayed):
    """The comparison can fail."""
    other = Lake(workspace.lake.root.parent / "other", workspace.lake.tables)
    shutil.copytree(replayed.lake.root, other.root)
    name = "processed_features.features"
    rows = other.scan(name).collect()
    values = rows["rsi_14"].to_numpy().copy()
    values[500] = np.nextafter(values[500], np.inf)
    other.replace(name, rows.with_columns(pl.Series("rsi_14", values).fill_nan(None)))
    strategies = _strategies(workspace, lambda model: Served(model, (), ""), frozenset({"ES"}))
    found = {compared.table: compared for compared in compare(other, workspace.lake, strategies)}
    assert found[name].differing == 2
    assert not found[name].is_as_it_must_be
    assert found["signals.predictions"].is_equal


def test_holds_say_why_and_no_order_is_made(replayed):
    history = replayed.lake.scan("signals.signals_history").collect()
    assert set(history["session_id"]) == {"replay:es_dollar"}
    assert set(history["origin"]) == {"paper"}
    held = history.filter(pl.col("action") == "HOLD")
    told = " ".join(held["reason"])
    assert (held["reason"] != "").all()
    for reason in ("regime undefined", "no model fitted by then", "below the threshold", "the ticker has a position"):
        assert reason in told
    assert not [name for name in replayed.lake.snapshot().tables if name.startswith("execution.")]


def test_what_is_finished_is_not_stepped_again(workspace, replayed):
    again = replay(workspace, every=timedelta(hours=2))
    assert again.steps == 0
    assert again.is_equal


def test_nothing_live_touches_a_research_table(workspace, demo_lake, replayed):
    before = open_workspace(demo_lake).lake.snapshot().tables
    assert workspace.lake.snapshot().tables == before


def test_killed_in_the_middle_it_goes_on_with_the_same_result(workspace, replayed):
    own = session_lake(workspace, REPLAY)
    shutil.rmtree(own.root)
    command = [sys.executable, "-m", "tsis.cli", "--lake", str(workspace.lake.root), "live-signals", "--replay"]
    running = subprocess.Popen([*command, "--every", "60"], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while not own.snapshot().tables and time.monotonic() < until and running.poll() is None:
            time.sleep(0.02)
        os.kill(running.pid, signal.SIGKILL)
    finally:
        running.kill()
        running.wait()
    n_before = own.scan("processed_features.features").select(pl.len()).collect().item()
    assert 0 < n_before < replayed.compared[2].rows
    done = replay(workspace, every=timedelta(hours=2))
    assert 0 < done.steps < replayed.steps
    assert done.is_equal
    assert all(compared.is_equal for compared in done.compared)


def test_live_without_an_active_model_holds(workspace):
    found = step_live(workspace, FrozenClock(END))
    own = session_lake(workspace, LIVE)
    setups = own.scan("signals.setups").collect()
    assert found.armed == 0
    assert found.events == setups.height > 0
    assert setups["ml_score"].is_null().all()
    assert setups["reason"].str.contains("no active model").all()
    assert own.scan("signals.active_signals").collect().is_empty()
    assert step_live(workspace, FrozenClock(END)).bars == 0


def test_an_active_model_is_asked_about_what_is_new(workspace, replayed):
    """Raw grows by the last half hour between two steps; the model becomes active before the second."""
    begun = replayed.lake.scan("signals.predictions").collect()
    root = workspace.lake.root.parent / "growing"
    shutil.copytree(workspace.lake.root, root, ignore=shutil.ignore_patterns("live"))
    growing = open_workspace(root)
    trades = growing.lake.scan("raw.trades").collect()
    cut = END - timedelta(minutes=30)
    growing.lake.replace("raw.trades", trades.filter(pl.col("ts") <= cut))
    first = step_live(growing, FrozenClock(cut))
    registry = root / "governance" / "model_registry.json"
    told = json.loads(registry.read_text())
    newest = next(entry for entry in told["models"] if entry["name"] == "es_dollar")
    newest["stage"] = "active"
    registry.write_text(json.dumps(told))
    promoted = Change("es_dollar", newest["version"], "active", "planted", json.dumps(newest), None, cut)
    growing.lake.append("governance.model_stages", chained(growing.lake.scan("model_stages").collect(), [promoted]))
    growing.lake.replace("raw.trades", trades)
    second = step_live(growing, FrozenClock(END))
    own = session_lake(growing, LIVE)
    made = own.scan("signals.predictions").collect().sort("t0")
    expected = begun.filter(pl.col("t0") > cut, pl.col("model_version") == newest["version"]).sort("t0")
    assert first.bars > second.bars > 0
    assert made.height > 0
    assert_frame_equal(made.drop("fold"), expected.drop("fold"), check_exact=True)
    fresh = own.scan("signals.setups").filter(
        pl.col("t0") > END - timedelta(seconds=300), pl.col("model") == "es_dollar"
    )
    assert not fresh.filter(pl.col("reason").str.contains("stale")).collect().height
    assert fresh.filter(pl.col("ml_score").is_not_null()).collect().height > 0
    bars = own.scan("processed_features.information_bars", tickers=["ES"]).collect().sort(BAR)
    batch = workspace.lake.scan("processed_features.information_bars", tickers=["ES"])
    assert_frame_equal(bars, batch.filter(pl.col("bar_spec") == "dollar_70M").collect().sort(BAR), check_exact=True)


def test_a_row_that_comes_late_has_the_bars_made_anew(workspace, replayed):
    """The trade is in the past of the checkpoint: bars after it change, and what was decided stays decided."""
    root = workspace.lake.root.parent / "late"
    shutil.copytree(workspace.lake.root, root, ignore=shutil.ignore_patterns("live"))
    late = open_workspace(root)
    trades = late.lake.scan("raw.trades").collect().sort("ts", "seq")
    middle = trades.height // 2
    late.lake.replace("raw.trades", pl.concat([trades[:middle], trades[middle + 1 :]]))
    step_live(late, FrozenClock(END))
    own = session_lake(late, LIVE)
    decided = own.scan("signals.setups", tickers=["ES"]).collect()
    without = own.scan("processed_features.information_bars", tickers=["ES"]).collect().sort(BAR)
    late.lake.replace("raw.trades", trades)
    assert step_live(late, FrozenClock(END)).events == 0
    bars = own.scan("processed_features.information_bars", tickers=["ES"]).collect().sort(BAR)
    batch = workspace.lake.scan("processed_features.information_bars", tickers=["ES"])
    assert not without.equals(bars)
    assert_frame_equal(bars, batch.filter(pl.col("bar_spec") == "dollar_70M").collect().sort(BAR), check_exact=True)
    assert_frame_equal(own.scan("signals.setups", tickers=["ES"]).collect(), decided, check_row_order=False)


def test_a_second_session_waits_and_then_says_so(workspace):
    impatient = open_workspace(workspace.lake.root)
    impatient = type(impatient)(
        impatient.settings.model_copy(update={"lock_wait_s": 0.1}), impatient.lake, impatient.stages, impatient.params
    )
    with session_lake(workspace, LIVE).transaction(WRITES), pytest.raises(LockTimeoutError) as raised:
        step_live(impatient, FrozenClock(END))
    assert raised.value.is_retryable


def test_wrong_usage_is_told(workspace):
    with pytest.raises(UnknownNameError, match="did you mean 'ES'"):
        replay(workspace, tickers=["EZ"])
    with pytest.raises(UsageError, match="must cover more"):
        replay(workspace, every=timedelta(0))
    done = tsis("live-signals", "--every", "5", lake=workspace.lake.root, check=False)
    assert done.returncode == 2
    assert "add --replay" in done.stderr


def test_the_command_shows_the_comparison(workspace, replayed):
    shown = tsis("live-signals", "--replay", "--every", "60", lake=workspace.lake.root).stdout
    assert shown.count("equal") == len(replayed.compared)
    assert "ENTER" in shown or "HOLD" in shown
