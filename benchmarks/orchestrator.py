"""What Prefect adds to the chain of the bundled data: `python -m benchmarks.orchestrator [ROUNDS]`.

Every stage is called anew, with the quality gate and the report: by `Workspace.run`, as the command line does, and by
the flow `research`, which reports to a real server on this machine. Both in one process, in turns; the median of the
differences within a turn is what Prefect adds. At most a tenth of the chain is allowed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median

import psutil

SHARE_AT_MOST = 0.1
ROUNDS = 5
Timer = Callable[[], object]


def measured(work: Timer, server: psutil.Process) -> tuple[float, float]:
    """Return the seconds that `work` takes, and those of processors in this process and in the server."""
    before = sum(server.cpu_times()[:2])
    begin, busy = time.perf_counter(), time.process_time()
    work()
    busy = time.process_time() - busy + sum(server.cpu_times()[:2]) - before
    return time.perf_counter() - begin, busy


def rounds(server: psutil.Process, n_rounds: int) -> None:
    """Print what both ways take, and fail where Prefect adds too much."""
    from flows.research import research
    from tsis.runtime.report import write_report
    from tsis.runtime.workspace import open_workspace

    def plain() -> None:
        workspace = open_workspace()
        workspace.run(is_forced=True, gate=True)
        write_report(workspace.lake)

    def flow() -> None:
        research(is_forced=True)

    ways: dict[str, Timer] = {"plain": plain, "flow": flow}
    for work in ways.values():
        work()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(n_rounds):
        for name in ways if number % 2 else reversed(ways):
            taken[name].append(measured(ways[name], server))
    for what, place in (("seconds", 0), ("seconds of processors, the server's included", 1)):
        chain = [found[place] for found in taken["plain"]]
        added = [found[place] - least for found, least in zip(taken["flow"], chain, strict=True)]
        share = median(added) / median(chain)
        print(f"{what}: the chain {median(chain):.2f}, Prefect adds {median(added):.2f}, {share:.1%}; {n_rounds} turns")
    if share > SHARE_AT_MOST:  # of processors: what neighbours do to the clock says nothing
        sys.exit(f"Prefect adds more than {SHARE_AT_MOST:.0%}")


def main() -> None:
    """Start a server of its own over a lake of its own, and measure."""
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        os.environ |= {"TSIS_LAKE": f"{folder}/lake", "TSIS_PREFECT_HOME": f"{folder}/prefect"}
        from flows.server import answers, environment

        os.environ |= environment(port) | {"PREFECT_LOGGING_LEVEL": "ERROR"}
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        server = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not answers(os.environ["PREFECT_API_URL"]):
                time.sleep(0.5)
            subprocess.run([sys.executable, "-m", "tsis.cli", "demo"], check=True, capture_output=True)
            rounds(server, n_rounds)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
