"""Measures how long numba compiles for which stage, so that it is reported apart."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Compilation:
    """Seconds during which at least one kernel was being compiled, here or by a process that was waited for."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._depth = 0
        self._since = 0.0

    def begins(self) -> None:
        """Take note that a thread begins to compile, or to wait for who does."""
        with self._lock:
            if self._depth == 0:
                self._since = time.perf_counter()
            self._depth += 1

    def ends(self) -> None:
        """Take note that it has ended."""
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self.seconds += time.perf_counter() - self._since


class CompileTimer:
    """Tells numba's compilations apart by the thread that they happen in."""

    def __init__(self) -> None:
        self._of_thread: dict[int, Compilation] = {}

    @contextmanager
    def counts_for(self, compilation: Compilation) -> Iterator[None]:
        """Count what the calling thread compiles within the block."""
        thread = threading.get_ident()
        self._of_thread[thread] = compilation
        try:
            yield
        finally:
            del self._of_thread[thread]

    def begins(self) -> None:
        """Tell whom the calling thread works for that it compiles."""
        if found := self._of_thread.get(threading.get_ident()):
            found.begins()

    def ends(self) -> None:
        """Tell whom the calling thread works for that it has compiled."""
        if found := self._of_thread.get(threading.get_ident()):
            found.ends()


@contextmanager
def compile_timer() -> Iterator[CompileTimer]:
    """Listen to numba within the block; loading from the cache is not compilation."""
    from numba.core import event  # noqa: PLC0415

    from tsis.core.jit_claim import WAIT  # noqa: PLC0415

    timer = CompileTimer()

    class Listener(event.Listener):  # type: ignore[misc]
        def on_start(self, _: object) -> None:
            timer.begins()

        def on_end(self, _: object) -> None:
            timer.ends()

    listener = Listener()
    for kind in ("numba:compile", WAIT):
        event.register(kind, listener)
    try:
        yield timer
    finally:
        for kind in ("numba:compile", WAIT):
            event.unregister(kind, listener)
