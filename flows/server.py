"""`make up` and `make down`: the server with its UI and the served deployments, on loopback.

Usage: python -m flows.server up|down|status
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from tsis.runtime.settings import REPOSITORY

HOST = "127.0.0.1"
_WAIT_S = 120.0


def home() -> Path:
    """Return where the server keeps its database, the logs, and which processes are its."""
    return Path(os.environ.get("TSIS_PREFECT_HOME", REPOSITORY / ".prefect"))


def environment(port: int) -> dict[str, str]:
    """Return the environment of server and deployments: loopback, a database of its own, nothing sent anywhere."""
    url = f"http://{HOST}:{port}/api"
    return {
        **os.environ,
        "PREFECT_HOME": str(home()),
        "PREFECT_API_URL": url,
        "PREFECT_UI_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


def up(port: int) -> str:
    """Start what is not running, wait until it answers, and return the address of the UI.

    Raises
    ------
    RuntimeError
        If the server does not answer in time, or another program has the port.
    """
    home().mkdir(parents=True, exist_ok=True)
    running = _running()
    if "server" not in running:
        if _answers(port):
            raise RuntimeError(f"port {port} is taken by another program: choose one with TSIS_PREFECT_PORT")
        _start("server", ["prefect", "server", "start", "--host", HOST, "--port", str(port)], port)
    _wait(port)
    if "deployments" not in running:
        _start("deployments", ["flows.deployments"], port)
    return f"http://{HOST}:{port}"


def down() -> list[str]:
    """End exactly the processes that `up` started, with their children, and return their names."""
    ended = []
    for name, process in reversed(_running().items()):
        family = [process, *process.children(recursive=True)]
        process.terminate()
        _, alive = psutil.wait_procs(family, timeout=20)
        for left in alive:
            left.kill()
        _mark(name).unlink(missing_ok=True)
        ended.append(name)
    return ended


def _mark(name: str) -> Path:
    return home() / f"{name}.json"


def _start(name: str, module: list[str], port: int) -> None:
    with (home() / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  fixed modules
            [sys.executable, "-m", *module],
            env=environment(port),
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    created = psutil.Process(process.pid).create_time()
    _mark(name).write_text(json.dumps({"pid": process.pid, "created": created, "port": port}))


def _running() -> dict[str, psutil.Process]:
    """Return what `up` started and still runs; a process that only has the number of one is not it."""
    found = {}
    for name in ("server", "deployments"):
        if _mark(name).exists():
            mark = json.loads(_mark(name).read_text())
            try:
                process = psutil.Process(mark["pid"])
                is_same = abs(process.create_time() - mark["created"]) < 1.0
            except psutil.NoSuchProcess:
                is_same = False
            if is_same and process.status() != psutil.STATUS_ZOMBIE:
                found[name] = process
            else:
                _mark(name).unlink()
    return found


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/api/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait(port: int) -> None:
    until = time.monotonic() + _WAIT_S
    while not _answers(port):
        if time.monotonic() > until or "server" not in _running():
            raise RuntimeError(f"the Prefect server does not answer on port {port}; see {home() / 'server.log'}")
        time.sleep(0.5)


def main() -> None:
    """Do what the command line says."""
    port = int(os.environ.get("TSIS_PREFECT_PORT", "4200"))
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "up":
        print(f"{up(port)}  (logs and database in {home()}; 'make down' stops it)")  # noqa: T201
    elif command == "down":
        print(f"stopped: {', '.join(down()) or 'nothing was running'}")  # noqa: T201
    elif command == "status":
        print(", ".join(_running()) or "not running")  # noqa: T201
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
