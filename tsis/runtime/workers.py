"""The threads of one run: they work on the units of all its stages, so that no more than these are at work at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tsis.runtime.compile_timer import CompileTimer, compile_timer


@dataclass(frozen=True)
class Workers:
    """A pool of `threads` threads, and what tells for whom they compile."""

    pool: ThreadPoolExecutor
    threads: int
    timer: CompileTimer


@contextmanager
def workers(threads: int) -> Iterator[Workers]:
    """Provide them within the block; where it raises, units that wait are given up."""
    with compile_timer() as timer, ThreadPoolExecutor(threads, thread_name_prefix="unit") as pool:
        try:
            yield Workers(pool, threads, timer)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
