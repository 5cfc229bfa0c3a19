"""What a schedule meets: servers that are away, kills, two schedulers, bad stages, full disks, damaged files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest
from lakes import new_lake
from planted import TICKERS, planted_lake
from prefect_server import REPOSITORY, Prefect, started

from tsis.lake import Lake
from tsis.lake.check import check_lake

DOUBLES, COPIES, PRICES = (f"demo.planted_{name}" for name in ("doubles", "copies", "prices"))
NOBODY = "http://127.0.0.1:9/api"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """Return a server over an empty lake that is asked often for what is due."""
    folder = tmp_path_factory.mktemp("faults")
    new_lake(folder / "lake")
    often = {"PREFECT_RUNNER_POLL_FREQUENCY": "2", "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3"}
    with started(folder, folder / "lake", **often) as running:
        yield running


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def flow(served: Prefect, lake: Lake, *orders: dict[str, Any], dies: bool = False) -> list[dict[str, Any]]:
    """Run the planted flow once for each order, and return how each run ended."""
    script = str(Path(__file__).with_name("planted.py"))
    done = python(script, str(lake.root), *map(json.dumps, orders), PREFECT_API_URL=f"{served.url}/api")
    assert done.returncode == (-signal.SIGKILL if dies else 0), done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"run"')]


def filled(root: Path, n_days: int = 20) -> Lake:
    lake = planted_lake(root)
    days = [(ticker, day) for ticker in TICKERS for day in range(n_days)]
    rows = pl.DataFrame(days, schema={"ticker": pl.String, "day": pl.Int64}, orient="row")
    prices = np.random.default_rng(0).uniform(1, 2, rows.height)  # does not compress
    lake.replace(PRICES, rows.with_columns(price=pl.Series(prices)))
    return lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return filled(tmp_path / "lake")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a memory disk of 16 MB; skipped where mounting is not permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("no mount on this machine")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=16m", "tsis-test", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
    yield folder
    subprocess.run([umount, str(folder)], check=True)


def stages_of(served: Prefect, run: str) -> dict[str, dict[str, Any]]:
    return {row["stage"]: row for row in json.loads(served.artifacts(run)["stages"])}


def test_a_ticker_of_fifty_and_a_refused_partition(served: Prefect, lake: Lake) -> None:
    """One process runs two flows: each fails for its own reason, and what was good stays."""
    failed, refused = flow(served, lake, {"fails_on": "T17"}, {"n_rows": 1, "factor": 3.0})

    # the other 49 are published, and the run says whose fault it is
    assert failed["state"] == "FAILED"
    assert "planted_doubles partial: T17: ZeroDivisionError: planted" in failed["message"]
    seen = served.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": [failed["run"]]}}})[0]
    assert (seen["state_type"], seen["state"]["message"]) == ("FAILED", failed["message"])
    assert stages_of(served, failed["run"])["planted_doubles"]["error"] == "T17: ZeroDivisionError: planted"
    assert list(lake.history())[-1]["snapshot"] == lake.snapshot().id
    published = lake.scan(DOUBLES).collect()
    assert sorted(published["ticker"].unique()) == [ticker for ticker in TICKERS if ticker != "T17"]
    assert published.height == 49 * 20

    # the gate refuses a table that lost nearly all rows: the candidate can be read, the last good one is current
    assert refused["state"] == "FAILED"
    assert "table_shrank of demo.planted_doubles" in refused["message"]
    verdicts = json.loads(served.artifacts(refused["run"])["quality"])
    assert [row["check_name"] for row in verdicts if not row["is_passed"] and row["severity"] == "error"] == [
        "table_shrank"
    ]
    (version,) = (
        lake.scan("governance.quality").filter(pl.col("is_passed").not_(), severity="error").collect()["version"]
    )
    assert lake.scan(DOUBLES, version=version).collect().height == 50
    assert lake.scan(DOUBLES).collect().equals(published)


def test_a_damaged_manifest_is_named_and_nothing_is_promoted(served: Prefect, lake: Lake) -> None:
    for path in (lake.root / "demo" / "planted_prices").rglob("*.json"):
        path.write_bytes(path.read_bytes()[:-40])
    (damaged,) = flow(served, lake, {})
    assert damaged["state"] == "FAILED"
    assert "planted_prices" in damaged["message"]
    assert not {COPIES, DOUBLES} & set(lake.snapshot().tables)
    assert any("planted_prices" in str(found.path) for found in check_lake(planted_lake(lake.root)))


def test_killed_in_the_middle_of_a_stage_it_resumes_there(served: Prefect, lake: Lake) -> None:
    assert flow(served, lake, {"dies_on": "T30"}, dies=True) == []
    assert DOUBLES not in lake.snapshot().tables, "no half version"
    assert list(check_lake(lake)) == []
    (resumed,) = flow(served, lake, {})
    assert resumed["state"] == "COMPLETED", resumed["message"]
    stages = stages_of(served, resumed["run"])
    assert [stages[name]["status"] for name in ("planted_copies", "planted_doubles")] == ["unchanged", "success"]
    rows = lake.scan(DOUBLES).collect()
    assert rows.height == rows.n_unique(["ticker", "day"]) == 50 * 20
    assert list(check_lake(lake)) == []


def test_a_disk_that_is_full_fails_the_run_and_loses_nothing(served: Prefect, small_disk: Path) -> None:
    lake = filled(small_disk / "lake", n_days=600)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 300_000))
    (failed,) = flow(served, lake, {})
    assert failed["state"] == "FAILED"
    assert "No space left on device" in failed["message"]
    assert DOUBLES not in lake.snapshot().tables
    assert lake.scan(PRICES).collect().height == 50 * 600
    assert list(check_lake(lake)) == []
    filler.unlink()
    (again,) = flow(served, lake, {})
    assert again["state"] == "COMPLETED", again["message"]
    assert lake.scan(DOUBLES).collect().height == 50 * 600


def test_two_schedulers_run_each_run_once(served: Prefect) -> None:
    log = served.lake / "governance" / "pipeline_status.log"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    second = subprocess.Popen(
        [sys.executable, "-m", "flows.deployments"],
        env={**served.environment, "PREFECT_API_URL": f"{served.url}/api", "PYTHONPATH": str(REPOSITORY)},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert second.stdout is not None
        for line in second.stdout:
            if "being served" in line:
                break
        runs = [served.trigger("reference_daily"), served.trigger("research", {"stages": ["sessions"]})]
        ended = [served.ended(run) for run in runs]
    finally:
        second.terminate()
        second.communicate(timeout=60)
    assert [run["state_type"] for run in ended] == ["COMPLETED", "COMPLETED"], [run["state"] for run in ended]
    assert [run["run_count"] for run in ended] == [1, 1]
    entries = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    sessions = [entry["run_id"] for entry in entries if entry["stage"] == "sessions"]
    assert len(sessions) == len(set(sessions)) == len(runs)
    assert list(check_lake(new_lake(served.lake))) == []
    scheduled = [item["schedules"] for item in served.deployments().values() if item["schedules"]]
    assert all(schedule["active"] for schedules in scheduled for schedule in schedules), "the other one still serves"


@pytest.fixture(scope="module")
def power_failure(served: Prefect) -> dict[str, Any]:
    """Kill everything in the middle of a run, after which five nights are missed; then `make up`."""
    running = served.trigger("research", {"is_forced": True})
    until = time.monotonic() + 60
    while served.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": [running]}}})[0]["state_type"] != "RUNNING":
        assert time.monotonic() < until
        time.sleep(0.1)
    pids = served.pids()
    workers = [child.pid for child in psutil.Process(pids["deployments"]).children(recursive=True)]
    for pid in (pids["deployments"], *workers):
        os.kill(pid, signal.SIGKILL)
    nightly = served.deployments()["governance_nightly"]["id"]
    now = datetime.now(UTC)
    window = {"start_time": (now - timedelta(days=5)).isoformat(), "end_time": now.isoformat()}
    for _ in range(2):  # the clock is set back: the same nights come again
        request = json.dumps({**window, "min_runs": 50, "max_runs": 50}).encode()
        _post_nothing(f"{served.url}/api/deployments/{nightly}/schedule", request)
    missed = [run["id"] for run in served.runs("governance_nightly")]
    os.kill(pids["server"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pids["server"])] if psutil.pid_exists(pids["server"]) else [], timeout=20)
    api = f"{served.url}/api"
    away = {
        "asked": served_python(served, "-m", "flows.server", "run", "research"),
        "deployments": served_python(served, "-m", "flows.deployments", PREFECT_API_URL=api),
        "called": served_python(
            served, "-c", "from flows.reference_daily import reference_daily as f; f()", PREFECT_API_URL=api
        ),
    }
    before = new_lake(served.lake).snapshot().id
    said = served.server("up").stdout
    return {"running": running, "missed": missed, "away": away, "said": said, "snapshot": before, "pids": pids}


def served_python(served: Prefect, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python(*arguments, **{**served.environment, **environment})


def _post_nothing(url: str, content: bytes) -> None:
    urllib.request.urlopen(
        urllib.request.Request(url, content, {"content-type": "application/json"}), timeout=60
    ).close()


def test_while_the_server_is_down_who_starts_a_flow_is_told(served: Prefect, power_failure: dict[str, Any]) -> None:
    away = power_failure["away"]
    for name in ("asked", "deployments"):
        assert away[name].returncode == 1
        assert f"no Prefect server answers at {served.url}/api" in away[name].stderr
        assert "make up" in away[name].stderr
        assert "Traceback" not in away[name].stderr
    assert away["called"].returncode == 1
    assert f"Failed to reach API at {served.url}/api" in away["called"].stderr


def test_a_run_whose_process_is_gone_blocks_nobody(served: Prefect, power_failure: dict[str, Any]) -> None:
    abandoned = served.ended(power_failure["running"])
    assert abandoned["state_type"] == "CRASHED"
    assert "it resumes at the first stage that did not succeed" in abandoned["state"]["message"]
    again = served.ended(served.trigger("research", {"stages": ["sessions"]}))
    assert again["state_type"] == "COMPLETED", again["state"]["message"]


def test_after_a_downtime_the_missed_runs_are_done_once(served: Prefect, power_failure: dict[str, Any]) -> None:
    missed = power_failure["missed"]
    assert len(missed) == 5, "and not ten, though the clock was set back"
    ended = [served.ended(run) for run in missed]
    assert [run["state_name"] for run in ended].count("Completed") == 1, [run["state"] for run in ended]
    assert [run["state_name"] for run in ended].count("Skipped") == 4
    assert all(
        "does what it should have done" in run["state"]["message"] for run in ended if run["state_name"] == "Skipped"
    )


def test_what_is_served_is_served_anew(served: Prefect, power_failure: dict[str, Any]) -> None:
    assert not set(served.pids().values()) & set(power_failure["pids"].values())
    assert all(schedule["active"] for item in served.deployments().values() for schedule in item["schedules"])
