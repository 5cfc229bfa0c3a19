"""What the units of a stage return, until it is published: in memory, and where it is much, on hold on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

import polars as pl

from tsis.core.errors import ContractError, TsisError
from tsis.core.stage import AnyStage
from tsis.lake.transaction import Transaction
from tsis.runtime.dag import SHARED
from tsis.runtime.resume import Resumed

IN_MEMORY_BYTES = 128_000_000
"""Of the frames of all units; where there are more they go on hold, so many at a time."""


class Returned:
    """The results of the units so far, in order.

    Attributes
    ----------
    done : what each unit returned; frames that are on hold are empty here.
    failures : why the others failed.
    rows_on_hold : of all tables.
    """

    def __init__(self, stage: AnyStage, transaction: Transaction) -> None:
        self.done: dict[str | None, Resumed] = {}
        self.failures: dict[str, str] = {}
        self.rows_on_hold = 0
        self._stage = stage
        self._transaction = transaction
        self._owned = {at: table.name for at, table in enumerate(stage.writes) if table.name not in SHARED}
        self._can_hold = stage.by == "ticker" and all(stage.writes[at].key[0] == "ticker" for at in self._owned)
        self._bytes = 0

    def add(self, unit: str | None, call: Future[Resumed]) -> None:
        """Take the result of a unit, which comes behind those before it in name."""
        if error := call.exception():
            kind = "" if isinstance(error, TsisError) else f"{type(error).__name__}: "
            self.failures[unit or ""] = f"{kind}{error}"
            return
        self.done[unit] = call.result()
        self._bytes += _size(call.result())
        if self._can_hold and self._bytes > IN_MEMORY_BYTES:
            self._hold()

    def close(self) -> None:
        """Remove what is on hold."""
        for name in self._owned.values():
            self._transaction.let_go(name)

    def rows(self, position: int) -> pl.DataFrame:
        """Return what is in memory for the table at `position` of those that the stage writes."""
        empty = self._transaction.spec(self._owned[position]).empty()
        return pl.concat([empty, *(result.frames[position] for result in self.done.values())])

    def drop_breaches(self) -> bool:
        """Let the units fail whose rows in memory break a contract; tell whether there are any."""
        # rows are checked once, where they are published; only then is it asked whose they are
        guilty = {unit: reason for unit, result in self.done.items() if (reason := self._breach(result))}
        self.failures |= {unit or "": reason for unit, reason in guilty.items()}
        self.done = {unit: result for unit, result in self.done.items() if unit not in guilty}
        return bool(guilty)

    def _hold(self) -> None:
        try:
            self._put_on_hold()
        except (ContractError, pl.exceptions.PolarsError):
            if not self.drop_breaches():
                raise
            self._put_on_hold()

    def _put_on_hold(self) -> None:
        rows = {name: self.rows(at) for at, name in self._owned.items()}
        self._transaction.hold(rows)
        self.rows_on_hold += sum(frame.height for frame in rows.values())
        self._bytes = 0
        for unit, result in self.done.items():
            left = [frame.clear() if at in self._owned else frame for at, frame in enumerate(result.frames)]
            self.done[unit] = replace(result, frames=tuple(left))

    def _breach(self, result: Resumed) -> str | None:
        """Return how the frames of one unit break their contracts, None where they do not."""
        try:
            for position, name in self._owned.items():
                self._transaction.require_conforming(name, result.frames[position])
        except ContractError as error:
            return str(error)
        return None


def in_turn(
    pool: ThreadPoolExecutor, call: Callable[[str | None], Resumed], units: Sequence[str | None], threads: int
) -> Iterator[tuple[str | None, Future[Resumed]]]:
    """Yield units and their calls, done, in the order of `units`.

    As many as `threads` run at a time, and no more are begun while much waits for a unit that comes before it.
    """
    waiting: deque[tuple[str | None, Future[Resumed]]] = deque()
    for unit in units:
        waiting.append((unit, pool.submit(call, unit)))
        while waiting and (waiting[0][1].done() or _is_enough([ended for _, ended in waiting], threads)):
            if waiting[0][1].done():
                yield waiting.popleft()
            else:
                wait([ended for _, ended in waiting if not ended.done()], return_when=FIRST_COMPLETED)
    while waiting:
        waiting[0][1].exception()
        yield waiting.popleft()


def _is_enough(calls: Sequence[Future[Resumed]], threads: int) -> bool:
    running = [call for call in calls if not call.done()]
    ended = [call.result() for call in calls if call.done() and not call.exception()]
    return len(running) >= threads or (bool(running) and sum(map(_size, ended)) > IN_MEMORY_BYTES)


def _size(result: Resumed) -> int:
    return int(sum(frame.estimated_size() for frame in result.frames))
