"""Calls a resumable stage for the rows of a ticker that are new or changed, from the last state before them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from tsis.core.errors import StageError
from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.core.state import State
from tsis.core.table import TableSpec
from tsis.lake.gc import STATES
from tsis.lake.scan import may_hold
from tsis.lake.store import Lake
from tsis.lake.transaction import Transaction
from tsis.runtime.checkpoints import Checkpoints, Segment, named_state
from tsis.runtime.code_version import code_version
from tsis.runtime.inputs import Inputs, known_between, midnight_after

SEGMENT_ROWS = 100_000
"""A segment ends with the first day by which it has so many input rows: that many at most are read again in vain."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Resumed:
    """What a stage returned for a ticker: rows that take the place of all those known after `since` (None: of all)."""

    frames: tuple[pl.DataFrame, ...]
    since: datetime | None = None
    segments: tuple[Segment, ...] = ()
    states: Mapping[str, bytes] = field(default_factory=dict)
    checkpoints: Checkpoints | None = None


class Resumption:
    """Resumes one stage, ticker by ticker.

    A ticker's rows are cut into segments at midnights. A segment stands where the rows that it consumed and the rows
    that it produced are what they were: a late row, a correction or a deletion, as well as a foreign hand on the
    outputs, makes the first segment that it touches and all after it be computed anew.

    Parameters
    ----------
    is_forced : compute everything from the start.
    """

    def __init__(
        self, stage: AnyStage, params: Params, lake: Lake, inputs: Inputs, transaction: Transaction, *, is_forced: bool
    ) -> None:
        self._stage = stage
        self._params = params
        self._lake = lake
        self._inputs = inputs
        self._transaction = transaction
        self._is_forced = is_forced

    def __call__(self, ticker: str) -> Resumed:
        """Return the rows of `ticker` from the earliest change on."""
        checkpoints = self._checkpoints(ticker)
        segments, state = self._standing(ticker, checkpoints)
        since = after = segments[-1].until if segments else None
        produced, states = [], {}
        for until in [*self._cuts(ticker, after), None]:
            given = self._inputs.between(ticker, after, until)
            frames, state = self._stage.frames(given, self._params, state, until)
            self._refuse_misplaced(frames, after, until)
            produced.append(frames)
            if until is not None:
                name, content = named_state(state)
                states[name] = content
                segments.append(Segment(until, self._consumed(given), _digest(frames), "", name))
                after = until
        joined = tuple(pl.concat(parts) for parts in zip(*produced, strict=True))
        return Resumed(joined, since, tuple(segments), states, checkpoints)

    def remember(self, ticker: str, resumed: Resumed) -> None:
        """Write the segments down, after what they produced was published."""
        if resumed.checkpoints and (resumed.segments or resumed.checkpoints.folder.exists()):
            after, named = None, []
            for segment in resumed.segments:
                named.append(replace(segment, files=self._files(ticker, after, segment.until)))
                after = segment.until
            resumed.checkpoints.write(named, resumed.states)

    def _standing(self, ticker: str, checkpoints: Checkpoints) -> tuple[list[Segment], State | None]:
        """Return the segments that stand, up to one with a state after which there are rows, and that state."""
        standing: list[Segment] = []
        for segment in () if self._is_forced else checkpoints.read():
            after = standing[-1].until if standing else None
            if not self._stands(ticker, after, segment):
                break
            standing.append(segment)
        while standing:
            state = checkpoints.state(standing[-1])
            if state is not None and self._inputs.rows_by_day(ticker, standing[-1].until).height:
                return standing, state
            standing.pop()
        return [], None

    def _stands(self, ticker: str, after: datetime | None, segment: Segment) -> bool:
        if segment.files == self._files(ticker, after, segment.until):
            return True
        consumed = self._consumed(self._inputs.between(ticker, after, segment.until))
        return consumed == segment.consumed and segment.produced == _digest(
            known_between(self._transaction.scan(table.name, tickers=[ticker]), str(table.known), after, segment.until)
            .collect()
            .sort(table.key)
            for table in self._stage.writes
        )

    def _cuts(self, ticker: str, after: datetime | None) -> Iterator[datetime]:
        """Yield the midnights at which segments end; there are rows after each."""
        rows = 0
        for day, count in self._inputs.rows_by_day(ticker, after).head(-1).iter_rows():
            rows += count
            if rows >= SEGMENT_ROWS:
                rows = 0
                yield midnight_after(day)

    def _checkpoints(self, ticker: str) -> Checkpoints:
        timeless = _digest(self._inputs.timeless(ticker).values())
        key = [code_version(self._stage.module), self._params.digest(), timeless]
        folder = self._lake.root / STATES / self._stage.name / ticker
        return Checkpoints(folder, hashlib.sha256(json.dumps(key).encode()).hexdigest())

    def _consumed(self, given: Mapping[str, pl.DataFrame]) -> str:
        return _digest(given[table.table] for table in self._stage.reads if self._inputs.is_timed(table))

    def _files(self, ticker: str, after: datetime | None, until: datetime) -> str:
        """Return a digest of the names of all files that may hold what a segment consumed or produced."""
        tables = [*filter(self._inputs.is_timed, self._stage.reads), *self._stage.writes]
        named = [(table.name, list(self._paths(table, ticker, after, until))) for table in tables]
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()

    def _paths(self, table: TableSpec, ticker: str, after: datetime | None, until: datetime) -> Iterator[str]:
        version = self._transaction.version(table.name)
        if version is None:
            return
        lead = self._stage.ahead.get(table.name, timedelta())
        for name, begin, end in self._inputs.spans(table, ticker, after, until):
            # a bar's file is chosen by its start, which may lie before the segment
            start = begin + lead if begin and table.known == table.time else None
            for entry in self._lake.manifest(table, version).files:
                if may_hold(table, entry, [name], start, (end or until) + lead + _TICK):
                    yield entry.path

    def _refuse_misplaced(self, frames: Sequence[pl.DataFrame], after: datetime | None, until: datetime | None) -> None:
        for table, frame in zip(self._stage.writes, frames, strict=True):
            n_inside = known_between(frame.lazy(), str(table.known), after, until).select(pl.len()).collect().item()
            if n_inside < frame.height:
                raise StageError(
                    f"{self._stage.name}: {frame.height - n_inside:,} rows of {table.name} are not known in the span "
                    f"that it was given (after {after}, until {until}); a resumable stage keeps them in its state"
                )


def _digest(frames: Iterable[pl.DataFrame]) -> str:
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(f"{frame.width} {frame.height} ".encode())
        digest.update(frame.hash_rows(seed=0).to_numpy().tobytes())  # -0.0 counts as 0.0
    return digest.hexdigest()
