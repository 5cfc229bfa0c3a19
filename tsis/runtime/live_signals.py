"""The thin live-signal flow: new raw rows to bars, features, predictions and signals, and no orders."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import polars as pl

from tsis.bars.bar_params import InformationBarsParams
from tsis.core.clock import Clock, SystemClock
from tsis.core.errors import ParamsError, UnknownNameError, UsageError, some
from tsis.core.params import Params
from tsis.core.table import spec
from tsis.features.features import FeaturesParams
from tsis.lake.store import Lake
from tsis.live.decisions import Reference, Strategy
from tsis.live.equality import Compared, compare
from tsis.live.serving import Served, active, walk_forward
from tsis.live.session import LiveSession, Stepped
from tsis.models.predictions import PredictionsParams
from tsis.runtime.live_feed import LakeFeed
from tsis.runtime.workspace import Workspace
from tsis.signals.setup_rules import NOT_FITTED
from tsis.signals.setups import SetupsParams
from tsis.tables.raw.ohlcv_1h import Ohlcv1h
from tsis.tables.raw.ohlcv_1m import Ohlcv1m
from tsis.tables.raw.ohlcv_daily import OhlcvDaily
from tsis.tables.raw.quotes import Quotes
from tsis.tables.raw.trades import Trades

FOLDER: Final = "live"
"""Below the lake: a lake for each session, so that nothing live changes a research table."""
LIVE, REPLAY = "live", "replay"
_COMMIT_EVERY: Final = timedelta(hours=4)
_TIMES: Final = {spec(table).name: str(spec(table).known) for table in (Trades, Quotes, Ohlcv1m, Ohlcv1h, OhlcvDaily)}
_TICKS: Final = (spec(Trades).name, spec(Quotes).name)


@dataclass(frozen=True)
class Replayed:
    """A replay that has come to its end.

    Parameters
    ----------
    steps : of this call; those before an interruption are not made again.
    compared : with the batch, table by table.
    """

    lake: Lake
    steps: int
    stepped: Stepped
    compared: tuple[Compared, ...]

    @property
    def is_equal(self) -> bool:
        """Tell whether every table equals the batch's bit for bit, as far as the two are asked the same."""
        return all(found.is_as_it_must_be for found in self.compared)


def session_lake(workspace: Workspace, name: str) -> Lake:
    """Return the lake of a session."""
    return Lake(workspace.lake.root / FOLDER / name, workspace.lake.tables, wait_s=workspace.settings.lock_wait_s)


def step_live(workspace: Workspace, clock: Clock | None = None) -> Stepped:
    """Step once over what is new in raw since the last call, ask the active models, and commit.

    Raises
    ------
    LockTimeoutError
        If another live session is at work; retryable.
    IntegrityError
        If an active model is not what was registered.
    """
    clock = clock or SystemClock()
    lake = workspace.lake
    with lake.transaction([]) as transaction:
        log = transaction.scan("governance.model_stages").collect()
        strategies = _strategies(workspace, lambda name: active(lake.root, name, log), _tickers_with_rows(lake))
        feed = LakeFeed(lake, transaction, workspace.params)
        with _session(workspace, LIVE, strategies) as session:
            found = session.step(feed, clock.now())
            session.commit(feed)
    return found


def replay(
    workspace: Workspace,
    *,
    every: timedelta = timedelta(minutes=15),
    tickers: Sequence[str] = (),
    is_forced: bool = False,
    told: Callable[[int, int, datetime], None] | None = None,
) -> Replayed:
    """Step through history as if live, with the refits of the batch, and compare the result with the batch.

    A replay that was interrupted goes on where its last commit is; one that is finished is only compared.

    Parameters
    ----------
    every : what one step covers.
    tickers : to replay; those with trades or quotes where none is named.
    is_forced : begin anew.
    told : is called before each step with its number, how many there are, and its end.

    Raises
    ------
    UsageError
        If there is nothing to replay.
    """
    if every <= timedelta(0):
        raise UsageError(f"live-signals: a step covers {every}; it must cover more than nothing")
    lake = workspace.lake
    own = session_lake(workspace, REPLAY)
    if is_forced:
        shutil.rmtree(own.root, ignore_errors=True)
    chosen = _known(tickers, _tickers_with_rows(lake)) if tickers else _tickers_with_rows(lake, _TICKS)
    strategies = _strategies(workspace, lambda name: walk_forward(lake, name, NOT_FITTED), chosen)
    if not strategies:
        raise UsageError(f"live-signals: no strategy decides on {some(sorted(chosen)) or 'any ticker with ticks'}")
    steps, total = 0, Stepped(0, 0, 0)
    with lake.transaction([]) as transaction:
        feed = LakeFeed(lake, transaction, workspace.params)
        with _session(workspace, REPLAY, strategies, every) as session:
            cuts = list(_cuts(lake, strategies, session, every))
            committed = None
            for steps, until in enumerate(cuts, start=1):
                if told is not None:
                    told(steps, len(cuts), until)
                found = session.step(feed, until, until)
                total = Stepped(total.bars + found.bars, total.events + found.events, total.armed + found.armed)
                committed = committed or until
                if until - committed >= _COMMIT_EVERY or steps == len(cuts):
                    session.commit(feed)
                    committed = until
    return Replayed(own, steps, total, tuple(compare(own, lake, strategies)))


def _session(
    workspace: Workspace, name: str, strategies: Sequence[Strategy], slack: timedelta = timedelta(0)
) -> LiveSession:
    max_age = timedelta(seconds=workspace.settings.live_max_age_s) + slack
    return LiveSession(
        session_lake(workspace, name),
        name,
        strategies,
        _reference(workspace.lake),
        _params(workspace),
        max_age,
    )


def _reference(lake: Lake) -> Reference:
    names = ("reference.sessions", "reference.tickers_dim", "processed_features.futures_roll")
    sessions, tickers_dim, rolls = (lake.scan(name).collect() for name in names)
    return Reference(sessions, tickers_dim, rolls)


def _strategies(workspace: Workspace, served: Callable[[str], Served], tickers: frozenset[str]) -> tuple[Strategy, ...]:
    """Return the strategies of the models, each with the tickers of its series that have raw rows."""
    models = cast(PredictionsParams, workspace.params["predictions"]).models
    known = cast(SetupsParams, workspace.params["setups"]).strategies
    listed = workspace.lake.scan("reference.tickers_dim").select("ticker", "asset_class").unique().collect()
    found = []
    for name, model in sorted(models.items()):
        if name not in known:
            raise ParamsError(f"setups.strategies has no entry for the model '{name}'; add one")
        of_class = listed.filter(pl.col("asset_class") == model.asset_class)["ticker"].to_list()
        own = tuple(sorted(tickers & set(of_class)))
        if own:
            found.append(Strategy(served(name), own, model.bar_spec))
    return tuple(found)


def _params(workspace: Workspace) -> dict[str, Params]:
    """Return the parameters of the stages, with the bars of the models' series alone."""
    bars = cast(InformationBarsParams, workspace.params["information_bars"])
    features = cast(FeaturesParams, workspace.params["features"])
    models = cast(PredictionsParams, workspace.params["predictions"]).models.values()
    wanted = {(model.asset_class, model.bar_spec) for model in models}
    only = {name: tuple(one for one in specs if (name, one) in wanted) for name, specs in bars.bars.items()}
    return workspace.params | {
        "information_bars": bars.model_copy(update={"bars": only}),
        "features": features.model_copy(update={"bar_specs": tuple(sorted({bar_spec for _, bar_spec in wanted}))}),
    }


def _tickers_with_rows(lake: Lake, tables: Sequence[str] = tuple(_TIMES)) -> frozenset[str]:
    scans = [lake.scan(name).select("ticker").unique() for name in tables]
    return frozenset(pl.concat(scans).unique().collect()["ticker"])


def _known(tickers: Sequence[str], known: frozenset[str]) -> frozenset[str]:
    for name in tickers:
        if name not in known:
            raise UnknownNameError("ticker with raw rows", name, known)
    return frozenset(tickers)


def _cuts(lake: Lake, strategies: Sequence[Strategy], session: LiveSession, every: timedelta) -> Iterator[datetime]:
    """Yield the ends of the steps: those of the intervals in which a ticker has rows after its last commit."""
    tickers = sorted({name for strategy in strategies for name in strategy.tickers})
    parts = [
        lake.scan(table, tickers=[name])
        .filter(pl.col(known) > (session.known_until(name) or datetime.min.replace(tzinfo=UTC)))
        .select(at=pl.col(known))
        for name in tickers
        for table, known in _TIMES.items()
    ]
    whole = int(every / timedelta(microseconds=1))
    counted = ((pl.col("at").to_physical() - 1) // whole + 1) * whole
    ends = pl.concat(parts).select(counted.cast(pl.Datetime("us", "UTC")).alias("end")).unique().collect()
    yield from ends["end"].sort()
