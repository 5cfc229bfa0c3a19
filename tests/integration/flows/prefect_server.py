"""A real Prefect server with the served deployments, on a port and in a folder of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
N_FLOWS = 9


class Prefect:
    """Talks to the server's API."""

    def __init__(self, port: int, home: Path, lake: Path) -> None:
        self.port, self.lake = port, lake
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **os.environ,
            "TSIS_PREFECT_HOME": str(home),
            "TSIS_PREFECT_PORT": str(port),
            "TSIS_LAKE": str(lake),
        }

    def server(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run what `make up` and `make down` run."""
        return subprocess.run(
            [sys.executable, "-m", "flows.server", command],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=280,
            check=True,
        )

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Post to the API and return its answer."""
        request = urllib.request.Request(
            f"{self.url}/api{path}", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        until = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                # a busy server asks to come again, as Prefect's own client does
                error.close()
                if error.code != 503 or time.monotonic() > until:
                    raise
                time.sleep(2.0)

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Return flow name to deployment."""
        found = self.post("/deployments/filter", {})
        return {item["entrypoint"].rpartition(":")[2]: item for item in found}

    def wait_for_deployments(self) -> None:
        """Wait until all flows are served."""
        until = time.monotonic() + 120
        while len(self.deployments()) < N_FLOWS and time.monotonic() < until:
            time.sleep(0.5)

    def pids(self) -> dict[str, int]:
        """Return what `up` started: name to process."""
        home = Path(self.environment["TSIS_PREFECT_HOME"])
        return {mark.stem: json.loads(mark.read_text())["pid"] for mark in home.glob("*.json")}

    def runs(self, flow: str, **wanted: Any) -> list[dict[str, Any]]:
        """Return runs of a flow that are due or were, in the order in which they are due."""
        due = {"expected_start_time": {"before_": datetime.now(UTC).isoformat()}}
        ask = {"flows": {"name": {"any_": [flow]}}, "flow_runs": due | wanted, "sort": "EXPECTED_START_TIME_ASC"}
        return list(self.post("/flow_runs/filter", ask))

    def trigger(self, flow: str, parameters: dict[str, Any] | None = None) -> str:
        """Ask for a run as the UI does, and return its id."""
        made = self.post(
            f"/deployments/{self.deployments()[flow]['id']}/create_flow_run", {"parameters": parameters or {}}
        )
        return str(made["id"])

    def ended(self, run: str, wait_s: float = 240.0) -> dict[str, Any]:
        """Wait until a run has ended and return it."""
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            found = self.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})[0]
            if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                return dict(found)
            time.sleep(1.0)
        pytest.fail(f"run {run} did not end: {found['state_name']}")

    def artifacts(self, run: str) -> dict[str, Any]:
        """Return key to data of what a run shows."""
        found = self.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
        return {item["key"]: item["data"] for item in found}


@contextmanager
def started(folder: Path, lake: Path, **settings: str) -> Iterator[Prefect]:
    """Start server and deployments over `lake`, and stop them at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Prefect(port, folder / "home", lake)
    running.environment |= settings
    try:
        running.server("up")
        running.wait_for_deployments()
        yield running
    finally:
        running.server("down")
