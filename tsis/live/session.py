"""A live session: goes on from its last commit, steps what is new in raw, decides, and commits all of it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import polars as pl

from tsis.core.params import Params
from tsis.core.state import State, state_from_bytes, state_to_bytes
from tsis.lake.store import Lake
from tsis.live.decisions import Reference, Strategy, account_of, asked_of, decide, events_of
from tsis.live.feed import Feed, known_until
from tsis.live.steps import CHAIN, step

CHECKPOINTS: Final = "governance.live_checkpoints"
PREDICTIONS, SETUPS = "signals.predictions", "signals.setups"
HISTORY, ACTIVE = "signals.signals_history", "signals.active_signals"
STEPPED: Final = tuple(table.name for stage in CHAIN for table in stage.writes)
BARS, FEATURES = STEPPED[0], STEPPED[-1]
WRITES: Final = (*STEPPED, PREDICTIONS, SETUPS, HISTORY, ACTIVE, CHECKPOINTS)
_EVENT = ["ticker", "bar_spec", "t0", "seq"]
_BAR = ["ticker", "bar_spec", "ts_close", "seq"]


@dataclass
class _Tape:
    """How far one ticker has come; `fresh` are the rows since the last commit, in place of all earlier ones if anew."""

    known_until: datetime | None
    decided_until: datetime | None
    state: State
    is_anew: bool
    fresh: dict[str, list[pl.DataFrame]] = field(default_factory=dict)


@dataclass(frozen=True)
class Stepped:
    """What a step made: bars, events that were decided on, and those of them that were armed."""

    bars: int
    events: int
    armed: int


class LiveSession:
    """Steps the strategies over a feed and keeps what it makes in a lake of its own.

    Use it in a with statement: it holds the locks of that lake's tables, so that a second session waits.

    Parameters
    ----------
    lake : the session's own; research tables are never touched.
    name : beginning of the session_id of its signals.
    strategies : what it decides on.
    reference, params : as the batch has them; `params` by stage.
    max_age : an event is decided on until so long after its bar's close.
    """

    def __init__(
        self,
        lake: Lake,
        name: str,
        strategies: Sequence[Strategy],
        reference: Reference,
        params: Mapping[str, Params],
        max_age: timedelta,
    ) -> None:
        self._lake, self._name, self._max_age = lake, name, max_age
        self._strategies, self._reference, self._params = tuple(strategies), reference, params
        self._tapes: dict[str, _Tape] = {}
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Take the locks and read what the last commit left."""
        self._transaction = self._held.enter_context(self._lake.transaction(WRITES))
        self._stored = {row["ticker"]: row for row in self._transaction.scan(CHECKPOINTS).collect().to_dicts()}
        self._bars, self._features = (self._transaction.scan(name).collect() for name in (BARS, FEATURES))
        self._bars = self._bars.sort(_BAR)
        self._predictions, self._setups = (self._transaction.scan(name).collect() for name in (PREDICTIONS, SETUPS))
        self._new: dict[str, list[pl.DataFrame]] = {PREDICTIONS: [], SETUPS: []}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the locks; what was not committed is forgotten."""
        self._held.__exit__(kind, error, trace)

    def known_until(self, ticker: str) -> datetime | None:
        """Return up to when the raw rows of a ticker have been stepped over, None where none have."""
        if ticker in self._tapes:
            return self._tapes[ticker].known_until
        return self._stored[ticker]["known_until"] if ticker in self._stored else None

    def step(self, feed: Feed, now: datetime, until: datetime | None = None) -> Stepped:
        """Step over the rows that are new, up to `until` where given, and decide on the events that they raise.

        Parameters
        ----------
        now : the time at which it is decided.
        """
        made = [self._step_ticker(feed, name, until) for name in self._tickers()]
        bars = pl.concat([frame for frame in made if frame is not None] or [self._bars.clear()])
        decided = [self._decide(strategy, bars, now) for strategy in self._strategies] if bars.height else []
        setups = pl.concat([self._setups.clear(), *decided])
        return Stepped(bars.height, setups.height, setups.filter(pl.col("action") == "ENTRY_ARMED").height)

    def commit(self, feed: Feed) -> None:
        """Publish what the steps made, with the checkpoints after it, as one snapshot."""
        for ticker, tape in self._tapes.items():
            if tape.is_anew:
                for name in STEPPED:
                    self._transaction.replace(name, self._transaction.scan(name).head(0).collect(), tickers=[ticker])
            tape.is_anew = False
        for name in STEPPED:
            rows = [part for tape in self._tapes.values() for part in tape.fresh.pop(name, [])]
            if rows:
                self._transaction.append(name, pl.concat(rows))
        for name, parts in self._new.items():
            if parts:
                self._transaction.append(name, pl.concat(parts))
                parts.clear()
        history, active = self.signals()
        self._transaction.replace(HISTORY, history)
        self._transaction.replace(ACTIVE, active)
        self._transaction.replace(CHECKPOINTS, self._checkpoints(feed))
        self._transaction.commit(self._name)

    def signals(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return signals_history and active_signals as of now."""
        return account_of(self._setups, self._bars, self._reference, self._params)

    def _tickers(self) -> list[str]:
        return sorted({ticker for strategy in self._strategies for ticker in strategy.tickers})

    def _step_ticker(self, feed: Feed, ticker: str, until: datetime | None) -> pl.DataFrame | None:
        """Return the new bars of a ticker that may be decided on, None where there is no new row."""
        tape = self._tapes.get(ticker) or self._restored(feed, ticker)
        if until is not None and tape.is_anew and tape.decided_until is not None:
            until = max(until, tape.decided_until)
        rows = feed.rows(ticker, tape.known_until, until)
        last = known_until(rows)
        if last is None:
            return None
        made, tape.state = step(rows, self._params, tape.state)
        tape.known_until = last
        for name in STEPPED:
            frame = made[name.partition(".")[2]]
            if frame.height:
                tape.fresh.setdefault(name, []).append(frame)
        bars, features = made["information_bars"], made["features"]
        self._bars = pl.concat([self._bars, bars]).sort(_BAR)
        self._features = pl.concat([self._features, features])
        return bars if tape.decided_until is None else bars.filter(pl.col("ts_close") > tape.decided_until)

    def _restored(self, feed: Feed, ticker: str) -> _Tape:
        """Return where the ticker stands: after its last commit, or at the start where that no longer holds."""
        stored = self._stored.get(ticker)
        if stored is None:
            tape = _Tape(None, None, {}, is_anew=False)
        elif stored["identity"] != feed.identity(ticker) or feed.is_revised(
            ticker, stored["inputs"], stored["known_until"]
        ):
            tape = _Tape(None, stored["known_until"], {}, is_anew=True)
            others = pl.col("ticker") != ticker
            self._bars, self._features = self._bars.filter(others), self._features.filter(others)
        else:
            tape = _Tape(stored["known_until"], None, state_from_bytes(stored["state"]), is_anew=False)
        self._tapes[ticker] = tape
        return tape

    def _decide(self, strategy: Strategy, new_bars: pl.DataFrame, now: datetime) -> pl.DataFrame:
        own = strategy.of_series()
        fresh, bars = new_bars.filter(own), self._bars.filter(own)
        if fresh.is_empty():
            return self._setups.clear()
        found = events_of(bars, self._reference, self._params).filter(pl.col("side").is_not_null())
        is_new = found.join(fresh.rename({"ts_close": "t0"}), on=_EVENT, how="semi").select(_EVENT)
        if is_new.is_empty():
            return self._setups.clear()
        at = found.select(*_EVENT[:2], pl.col("t0").alias("ts_close"), "seq")
        features = self._features.filter(own).join(at, on=_BAR, how="semi")
        asked = asked_of(found, bars, features, self._params)
        before = self._predictions.filter(pl.col("model") == strategy.name)
        made, setups = decide(
            strategy, found, asked, bars, before, is_new, self._reference, self._params, now, self._max_age
        )
        named = setups.with_columns(
            pl.lit(f"{self._name}:{strategy.name}").alias("session_id"), pl.lit("paper").alias("origin")
        )
        self._predictions, self._setups = pl.concat([self._predictions, made]), pl.concat([self._setups, named])
        self._new[PREDICTIONS].append(made)
        self._new[SETUPS].append(named)
        return named

    def _checkpoints(self, feed: Feed) -> pl.DataFrame:
        rows: dict[str, Any] = dict(self._stored)
        for ticker, tape in self._tapes.items():
            if tape.known_until is not None:
                rows[ticker] = {
                    "ticker": ticker,
                    "known_until": max(filter(None, (tape.known_until, tape.decided_until))),
                    "identity": feed.identity(ticker),
                    "inputs": feed.inputs(ticker, tape.known_until),
                    "state": state_to_bytes(tape.state),
                }
        return pl.DataFrame(list(rows.values()), schema=self._lake.spec(CHECKPOINTS).polars_schema).sort("ticker")
