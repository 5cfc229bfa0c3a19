"""`make up`, a run as a person triggers it, what the person then sees, and `make down`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
from pathlib import Path

import psutil
import pytest

from tsis.runtime.workspace import open_lake

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLOWS = {
    "reference_daily",
    "ingest_sample",
    "ingest_files",
    "ingest_lean",
    "live_signals",
    "research",
    "train",
    "analytics_daily",
    "governance_nightly",
}


@pytest.fixture(scope="module")
def finished(prefect):
    """Return the id of a finished run of `research`."""
    run = prefect.trigger("research")
    ended = prefect.ended(run)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    return run


def test_every_flow_is_deployed_and_schedules_are_of_the_exchange(prefect):
    found = prefect.deployments()
    assert set(found) == FLOWS
    assert "EXDATE" in found["research"]["schedules"][0]["schedule"]["rrule"]
    assert all(item["concurrency_limit"] == 1 or item["global_concurrency_limit"] for item in found.values())


def test_up_again_starts_nothing(prefect):
    home = Path(prefect.environment["TSIS_PREFECT_HOME"])
    before = {mark.name: mark.read_text() for mark in home.glob("*.json")}
    prefect.server("up")
    assert {mark.name: mark.read_text() for mark in home.glob("*.json")} == before
    assert len(before) == 2


def test_a_run_shows_what_a_person_wants_to_see(prefect, finished):
    shown = prefect.artifacts(finished)
    assert {"stages", "tables", "quality", "fold-scores", "strategies", "equity", "report"} <= set(shown)
    stages = json.loads(shown["stages"])
    assert all(row["status"] in ("success", "unchanged") for row in stages)
    versions = {row["table"]: row["version"] for row in json.loads(shown["tables"])}
    snapshot = open_lake(prefect.lake).snapshot()
    assert versions == {name: version[:12] for name, version in snapshot.tables.items()}


def test_a_run_with_nothing_to_do_keeps_the_snapshot(prefect, finished):
    """Catching up after a downtime runs what was missed; what is done already is not done again."""
    before = open_lake(prefect.lake).snapshot().tables
    assert prefect.ended(prefect.trigger("research"))["state_type"] == "COMPLETED"
    after = open_lake(prefect.lake).snapshot().tables
    changed = {name for name in after if after[name] != before.get(name)}
    assert not {name for name in changed if not name.startswith("governance.")}


def test_live_signals_holds_without_an_active_model_and_shows_why(prefect):
    run = prefect.trigger("live_signals", {"once": True})
    ended = prefect.ended(run)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    shown = prefect.artifacts(run)
    assert json.loads(shown["active-signals"]) == []
    decisions = json.loads(shown["live-decisions"])
    assert {row["action"] for row in decisions} == {"HOLD"}
    assert all("no active model" in row["reason"] for row in decisions)


def test_a_stage_that_does_not_exist_fails_the_run_with_its_name(prefect):
    ended = prefect.ended(prefect.trigger("research", {"stages": ["fetures"]}))
    assert ended["state_type"] == "FAILED"
    assert "did you mean 'features'" in ended["state"]["message"]


def test_a_parameter_of_another_type_is_refused_by_the_form(prefect):
    with pytest.raises(urllib.error.HTTPError) as refused:
        prefect.trigger("governance_nightly", {"retention_days": -1})
    assert refused.value.code in (409, 422)


def test_files_that_are_not_there_fail_the_run_with_their_path(prefect):
    request = {"request": {"path": "/nowhere/x.csv", "table": "raw.trades", "ticker": "IBM"}}
    ended = prefect.ended(prefect.trigger("ingest_files", request))
    assert ended["state_type"] == "FAILED"
    assert "/nowhere/x.csv" in ended["state"]["message"]


@pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine: the page can't be rendered")
def test_the_finished_run_and_its_artifact_are_on_the_page(prefect, finished, tmp_path):
    run = prefect.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": [finished]}}})[0]
    page = _page(f"{prefect.url}/runs/flow-run/{finished}", tmp_path / "run")
    assert run["name"] in page
    assert "Completed" in page
    found = prefect.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [finished]}}})
    equity = next(item["id"] for item in found if item["key"] == "equity")
    shown = _page(f"{prefect.url}/artifacts/artifact/{equity}", tmp_path / "artifact")
    assert "data:image/svg+xml" in shown


def _page(url: str, folder: Path) -> str:
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", f"--user-data-dir={folder}", "--virtual-time-budget=60000",
        "--window-size=1400,1200", "--dump-dom", url,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=True).stdout


def test_down_stops_exactly_what_up_started(prefect, tmp_path):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    home = Path(prefect.environment["TSIS_PREFECT_HOME"])
    pids = [json.loads(mark.read_text())["pid"] for mark in sorted(home.glob("*.json"))]
    family = [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]
    try:
        said = prefect.server("down").stdout
        assert "server" in said
        assert "deployments" in said
        assert not [pid for pid in pids + family if psutil.pid_exists(pid)]
        assert psutil.pid_exists(bystander.pid)
        assert "nothing was running" in prefect.server("down").stdout
    finally:
        bystander.kill()
        bystander.wait()
        prefect.server("up")
