"""Starts the processes of `actors`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ACTORS = Path(__file__).with_name("actors.py")
TESTS = Path(__file__).parents[2]


class Nursery:
    """Forks actors from one process that has imported everything."""

    def __init__(self) -> None:
        paths = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, str(ACTORS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
        )
        self._running: set[int] = set()

    def start(self, actor: str, **order: Any) -> int:
        """Start an actor and return its process id."""
        pid = self._ask({"actor": actor, **{name: _plain(value) for name, value in order.items()}})
        self._running.add(pid)
        return pid

    def kill(self, pid: int) -> int:
        """Send SIGKILL and return how the process ended: -9, or 0 if it was done before."""
        os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def wait(self, pid: int) -> int:
        """Return the exit code of an actor, negative for a signal."""
        self._running.discard(pid)
        return self._ask({"wait": pid})

    def close(self) -> None:
        """End what is still running."""
        for pid in list(self._running):
            self.kill(pid)
        self._process.communicate(timeout=10)

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Return where actors come from."""
    opened = Nursery()
    yield opened
    opened.close()
