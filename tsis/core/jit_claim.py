"""Processes that share a folder of compiled kernels compile each of them once."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.runtime.nrt import rtsys
from numba.cpython import hashing  # noqa: F401  compiled code that hashes finds what it needs through it

WAIT = "tsis:wait"
"""Numba event: another process is compiling what is needed."""


class ClaimedCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache on disk, with a claim on what is not in it: a lock from the miss until the result is saved.

    Without, two processes compile the same, and where both save a signature of one function at a time, the index may
    name the file of the other. A kernel is claimed before those that it calls, and calls make no circle: no two
    processes wait for each other. A claim vanishes with its process.
    """

    def __init__(self, function: Callable[..., Any], kind: str = "") -> None:
        """`kind` tells apart what is compiled from one function with different flags."""
        super().__init__(function)
        base = f"{self._impl.filename_base}{kind and '.'}{kind}"
        self._cache_file = IndexDataCacheFile(self._cache_path, base, self._impl.locator.get_source_stamp())
        self._path = Path(self._cache_path) / f"{base}.lock"
        self._descriptor: int | None = None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled signature, waiting for who has claimed it; where there is none, claim it."""
        # numba's own method first imports all that compiling needs, which takes longer than the other imports of a live
        # session; compiling does so by itself, and what was compiled needs its allocator at most
        rtsys.initialize(target_context)
        found = self._load_overload(sig, target_context)
        if found is not None or self._descriptor is not None:
            return found
        self._claim()
        found = self._load_overload(sig, target_context)
        if found is not None:
            self._release()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save what was compiled, and give up the claim."""
        try:
            super().save_overload(sig, data)
        finally:
            self._release()

    def give_up(self) -> None:
        """Give up the claim, if there is one: the compilation failed."""
        self._release()

    def is_claimed(self) -> bool:
        """Tell whether another process is compiling this function."""
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _claim(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:  # nothing can be written: nothing is shared
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with event.trigger_event(WAIT):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._descriptor = descriptor

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _Failures(event.Listener):  # type: ignore[misc]
    """Numba saves nothing where a compilation fails or is interrupted; others must not wait for it."""

    def on_start(self, begun: Any) -> None:
        """Do nothing."""

    def on_end(self, ended: Any) -> None:
        """Give up the claim if the compilation ends with an exception."""
        cache = getattr(ended.data["dispatcher"], "_cache", None)
        if sys.exc_info()[0] is not None and isinstance(cache, ClaimedCache):
            cache.give_up()


event.register("numba:compile", _Failures())
