"""Locks between processes that vanish with the process that holds them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsis.core.errors import LockTimeoutError

_POLL_S = 0.02


@contextmanager
def locked(path: Path, what: str, wait_s: float) -> Iterator[None]:
    """Hold an exclusive lock on `path`.

    Parameters
    ----------
    path : the lock file; created, never removed (removing it would let two holders in).
    what : named in the error, e.g. ``raw.trades``.
    wait_s : how long to wait for another holder.

    Raises
    ------
    LockTimeoutError
        If another process still holds it after `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
                    raise LockTimeoutError(
                        f"{what} is being written by process {holder}; waited {wait_s:g} s. Try again when it is done"
                    ) from None
                time.sleep(_POLL_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
