"""`make up` and `make down`: the server with its UI and the served deployments, on loopback.

Usage: python -m flows.server up|down|status
       python -m flows.server run FLOW ['{"parameter": value}']
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
from typing import Any

import psutil

from flows import HOST, PORT, SILENT
from tsis.runtime.settings import REPOSITORY

_WAIT_S = 240.0


def home() -> Path:
    """Return where the server keeps its database, the logs, and which processes are its."""
    return Path(os.environ.get("TSIS_PREFECT_HOME", REPOSITORY / ".prefect"))


def environment(port: int) -> dict[str, str]:
    """Return the environment of server and deployments: loopback, a database of its own, nothing sent anywhere."""
    url = _api(port)
    return {
        **os.environ,
        "PREFECT_HOME": str(home()),
        "PREFECT_API_URL": url,
        "PREFECT_UI_API_URL": url,
        **SILENT,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


def up(port: int) -> str:
    """Start what is not running, wait until it answers, and return the address of the UI.

    Deployments whose server was gone are served anew: what polls a server in vain gives up in part, without a word.

    Raises
    ------
    RuntimeError
        If the server does not answer in time, or another program has the port.
    """
    home().mkdir(parents=True, exist_ok=True)
    running = _running()
    if "server" not in running:
        if answers(_api(port)):
            raise RuntimeError(f"port {port} is taken by another program: choose one with TSIS_PREFECT_PORT")
        if "deployments" in running:
            _end("deployments", running.pop("deployments"))
        _start("server", ["prefect", "server", "start", "--host", HOST, "--port", str(port)], port)
    _wait(port)
    if "deployments" not in running:
        _start("deployments", ["flows.deployments"], port)
    return f"http://{HOST}:{port}"


def down() -> list[str]:
    """End exactly the processes that `up` started, with their children, and return their names."""
    ended = []
    for name, process in reversed(_running().items()):
        _end(name, process)
        ended.append(name)
    return ended


def ask_for(port: int, flow: str, parameters: str = "{}") -> str:
    """Ask the server for a run of `flow`, as its form in the UI does, and return the address of the run.

    Parameters
    ----------
    parameters : as JSON, by name.

    Raises
    ------
    RuntimeError
        If the server is down, or refuses: no such flow, or parameters of another kind.
    """
    if not answers(_api(port)):
        raise RuntimeError(f"no Prefect server answers at {_api(port)}: start it with 'make up'")
    try:
        given = {"parameters": json.loads(parameters)}
        deployment = _asked(f"{_api(port)}/deployments/name/{flow}/tsis")["id"]
        run = _asked(f"{_api(port)}/deployments/{deployment}/create_flow_run", given)["id"]
    except json.JSONDecodeError as error:
        raise RuntimeError(f"parameters are no JSON: {error}; such as '{{\"is_forced\": true}}'") from error
    except urllib.error.HTTPError as error:
        why = json.load(error).get("detail", error.reason)
        raise RuntimeError(f"the server refuses a run of {flow}: {why}") from error
    return f"http://{HOST}:{port}/runs/flow-run/{run}"


def _asked(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"content-type": "application/json"})  # noqa: S310  ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return dict(json.load(answer))


def _end(name: str, process: psutil.Process) -> None:
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=20)
    for left in alive:
        left.kill()
    _mark(name).unlink(missing_ok=True)


def _api(port: int) -> str:
    return f"http://{HOST}:{port}/api"


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


def answers(api: str) -> bool:
    """Tell whether a server answers at `api`."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=5) as answer:  # noqa: S310  http, as PREFECT_API_URL is
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait(port: int) -> None:
    until = time.monotonic() + _WAIT_S
    while not answers(_api(port)):
        if time.monotonic() > until or "server" not in _running():
            raise RuntimeError(f"the Prefect server does not answer on port {port}; see {home() / 'server.log'}")
        time.sleep(0.5)


def main() -> None:
    """Do what the command line says."""
    command, *rest = sys.argv[1:] or [""]
    try:
        _obey(command, rest)
    except RuntimeError as error:
        sys.exit(str(error))


def _obey(command: str, rest: list[str]) -> None:
    if command == "run" and len(rest) in (1, 2):
        print(ask_for(PORT, *rest))  # noqa: T201
    elif rest:
        sys.exit(__doc__)
    elif command == "up":
        print(f"{up(PORT)}  (logs and database in {home()}; 'make down' stops it)")  # noqa: T201
    elif command == "down":
        print(f"stopped: {', '.join(down()) or 'nothing was running'}")  # noqa: T201
    elif command == "status":
        print(", ".join(_running()) or "not running")  # noqa: T201
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
