"""Measures how long numba compiles, so that it is reported apart."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Compilation:
    """Seconds during which at least one kernel was being compiled, here or by a process that was waited for."""

    seconds: float = 0.0


@contextmanager
def compile_timer() -> Iterator[Compilation]:
    """Count the seconds of compilation within the block; loading from the cache is not compilation."""
    from numba.core import event  # noqa: PLC0415

    from tsis.core.jit_claim import WAIT  # noqa: PLC0415

    measured = Compilation()

    class Listener(event.Listener):  # type: ignore[misc]
        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._depth = 0
            self._since = 0.0

        def on_start(self, _: object) -> None:
            with self._lock:
                if self._depth == 0:
                    self._since = time.perf_counter()
                self._depth += 1

        def on_end(self, _: object) -> None:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    measured.seconds += time.perf_counter() - self._since

    listener = Listener()
    for kind in ("numba:compile", WAIT):
        event.register(kind, listener)
    try:
        yield measured
    finally:
        for kind in ("numba:compile", WAIT):
            event.unregister(kind, listener)
