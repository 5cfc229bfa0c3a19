"""Compiles the kernels of the chain in processes beside it, where they have never been compiled."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

from tsis.core.jit import cache_dir
from tsis.runtime.settings import REPOSITORY, settings

_MOST = 3
"""More processes would rarely find a kernel that nobody is compiling."""
_WAIT_S = 10.0


@contextmanager
def compiling_ahead() -> Iterator[None]:
    """Compile within the block, in up to three processes while it needs one; at its end they have ended.

    The chain needs its kernels one after the other, and compiling them takes longer than everything else in its first
    run. They begin with those that the chain needs last; whoever needs one that is being compiled waits for it. How
    they end fails nothing: what they have not compiled is compiled when it is called.
    """
    if done_mark().exists():
        yield
        return
    started: list[subprocess.Popen[bytes]] = []
    with suppress(OSError):  # where no process can be started, the chain compiles what it needs
        while len(started) < min(settings().threads - 1, _MOST):
            started.append(_start())
    try:
        yield
        for process in started:
            _wait(process)
    finally:
        for process in started:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()


def done_mark() -> Path:
    """Return the file that says that the kernels and banks of this state of the sources are compiled."""
    digest = hashlib.sha256(metadata.version("numba").encode())
    package = Path(__file__).parents[1]
    for source in [package / "runtime" / "chain_kernels.py", *sorted((package / "features").rglob("*.py"))]:
        digest.update(source.relative_to(package).as_posix().encode())
        digest.update(source.read_bytes())
    return cache_dir() / f"compiled-{digest.hexdigest()[:16]}"


def _start() -> subprocess.Popen[bytes]:
    # it ends when its standard input does, and so with this process, however that ends
    return subprocess.Popen(
        [sys.executable, "-m", "tsis.runtime.compile_ahead"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
    )


def _wait(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_WAIT_S)
