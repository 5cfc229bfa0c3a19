"""The CUSUM filter, triple barriers and trend scanning on a million made-up bars, against mlfinpy and RiskLabAI."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.contest import Contest, Target, Timer, timed
from benchmarks.dialogue import Dialogue, dialogue
from tsis.core.table import spec
from tsis.kernels import barriers
from tsis.kernels.cusum import CUSUM_STATE, cusum_filter
from tsis.kernels.log_return import initial_log_return, log_return
from tsis.kernels.trend_scan import trend_scan
from tsis.labeling.bar_positions import horizon
from tsis.labeling.triple_barrier import BarrierParams, labels
from tsis.labeling.volatility import bar_volatility
from tsis.tables.labeling.events import Events

N_BARS = 1_000_000
THRESHOLD = 5.27e-3
"""Of the CUSUM filter; on these bars it raises 48,000 events."""
PT, SL, MAX_BARS = 5.0, 5.0, 50
SHORTEST, LONGEST = 5, 19
PART = {"mlfinpy": 2_400, "RiskLabAI": 24_000}
"""Events that a slow peer labels; what it takes for all is taken to grow with their number."""
_MINUTE_US = 60_000_000


@dataclass(frozen=True)
class Work:
    """Bars, one a minute, and the events on them."""

    ts_us: NDArray[np.int64]
    close: NDArray[np.float64]
    start: NDArray[np.int64]
    side: NDArray[np.int8]
    target: NDArray[np.float64]

    def save(self, path: Path) -> None:
        """Write what the peers need."""
        np.savez(
            path, ts_us=self.ts_us, close=self.close, start=self.start, side=self.side, target=self.target,
            pt=PT, sl=SL, seconds=MAX_BARS * 60, threshold=THRESHOLD, shortest=SHORTEST, longest=LONGEST,
        )  # fmt: skip


def work(n_bars: int = N_BARS) -> Work:
    """Return a random walk of `n_bars` and the events of the CUSUM filter on it."""
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(7).normal(0.0, 1e-3, n_bars)))
    target = bar_volatility(close, 100)
    found = cusum(close)
    start = np.flatnonzero((found != 0) & ~np.isnan(target))
    ts_us = 1_420_070_400_000_000 + _MINUTE_US * np.arange(n_bars)
    return Work(ts_us, close, start, found[start], target[start])


def cusum(close: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return the directions of the events on closes, with the log returns on the way."""
    returns, out = np.empty(close.size), np.empty(close.size, dtype=np.int8)
    log_return(close, initial_log_return(), returns)
    cusum_filter(returns, np.full(close.size, THRESHOLD), np.zeros(CUSUM_STATE), out)
    return out


def barrier_labels(made: Work) -> NDArray[np.float64]:
    """Return the label of each event, from the arrays."""
    n = made.start.size
    end, barrier, ret = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int8), np.empty(n)
    vertical = horizon(made.ts_us, made.start, MAX_BARS, None)
    close = made.close
    barriers.first_touch(
        close, close, close, close, made.start, vertical, made.side, made.target, PT, SL, False, end, barrier, ret
    )
    return np.sign(ret)


def trends(made: Work) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return t-value and length of the strongest trend of each event, from the arrays."""
    t_value, n_bars = np.empty(made.start.size), np.empty(made.start.size, dtype=np.int64)
    trend_scan(made.close, made.start, SHORTEST, LONGEST, 1, t_value, n_bars)
    return t_value, n_bars


def frames(made: Work) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the same as rows of labeling.events and as bars."""
    closes = pl.Series(made.ts_us).cast(pl.Datetime("us", "UTC"))
    bars = pl.DataFrame({"ts_close": closes}).with_columns(
        pl.lit(0, dtype=pl.Int64).alias("seq"),
        *(pl.Series(name, made.close) for name in ("open", "high", "low", "close")),
    )
    given = {
        "ticker": pl.lit("X"), "bar_spec": pl.lit("time_1m"), "t0": closes.gather(made.start), "seq": pl.lit(0),
        "kind": pl.lit("cusum"), "side": pl.Series(made.side), "target": pl.Series(made.target),
    }  # fmt: skip
    events = pl.DataFrame({"t0": given["t0"]}).select(
        given[name].cast(dtype).alias(name) if isinstance(given[name], pl.Expr) else given[name].alias(name)
        for name, dtype in spec(Events).polars_schema.items()
    )
    return events, bars


class Peers:
    """The running peers."""

    def __init__(self, peer: Dialogue) -> None:
        self._peer = peer

    def ask(self, word: str, peer: str = "mlfinpy", n_events: int = 0) -> Any:
        """Send one line and return the answer."""
        return self._peer.send(f"{word} {peer} {n_events}")

    def timer(self, word: str, peer: str, n_events: int) -> Timer:
        """Return a timer of the peer's work on `n_events`, extrapolated from `PART` of them.

        What does not grow with them, taken from a run on 10, is counted once.
        """
        part = min(PART[peer], n_events)

        def seconds() -> float:
            few, many = self.ask(word, peer, 10), self.ask(word, peer, part)
            return float(few + (many - few) * (n_events - 10) / (part - 10))

        return seconds


@contextmanager
def running_peers(python: str, made: Work, folder: Path) -> Iterator[Peers]:
    """Start the peers under the interpreter `python` on the bars `made`; they end with the block."""
    made.save(folder / "labels.npz")
    with dialogue(python, "peer_labels.py", str(folder / "labels.npz")) as peer:
        yield Peers(peer)


def contests(made: Work, peers: Peers | None) -> list[Contest]:
    """Return the filter, the barriers (kernel and whole function) and the trends; without peers against the floor."""
    n = made.start.size
    names = [name for name in PART if peers and name in peers.ask("versions")]
    floor = {"read the closes once (`np.sum`)": timed(made.close.sum, 9, time.thread_time)}

    def others(word: str) -> dict[str, Timer]:
        return {name: peers.timer(word, name, n) for name in names} if peers else {}

    filters = {name: (lambda name=name: float(peers.ask("cusum", name))) for name in names} if peers else {}
    events, bars = frames(made)
    chosen = BarrierParams(pt=PT, sl=SL, max_bars=MAX_BARS)
    goals = {"mlfinpy": Target(1 / 2_000), "RiskLabAI": Target(1 / 100)}
    bars_rate = {"n_items": made.close.size, "item": "bars", "is_warmed": False}
    events_rate = {"n_items": n, "item": "events", "is_warmed": False}
    return [
        Contest(
            f"{made.close.size:,} closes → {n:,} CUSUM events, kernel",
            timed(lambda: cusum(made.close), 9, time.thread_time),
            filters | floor,
            {"mlfinpy": Target(1 / 300)},
            **bars_rate,
        ),
        Contest(
            f"triple barrier, {n:,} events on {made.close.size:,} bars, kernel with labels",
            timed(lambda: barrier_labels(made), 9, time.thread_time),
            others("barrier") | floor,
            goals,
            **events_rate,
        ),
        Contest(
            "the same from and to data frames, checked",
            timed(lambda: labels(events, bars, chosen), 5, time.thread_time),
            others("barrier"),
            {},
            **events_rate,
        ),
        Contest(
            f"trend scanning, {n:,} events, windows of {SHORTEST} to {LONGEST} bars, kernel",
            timed(lambda: trends(made), 9, time.thread_time),
            {"mlfinpy": peers.timer("trend", "mlfinpy", n)} if peers else floor,
            {},
            **events_rate,
        ),
    ]


def differences(made: Work, peers: Peers) -> list[str]:
    """Return where mlfinpy's events, first touches, returns and trends are not ours; labels of the part it labels."""
    found = []
    times = made.ts_us[np.flatnonzero(cusum(made.close))].tolist()
    if peers.ask("events") != times:
        found.append("CUSUM events differ")
    part = PART["mlfinpy"]
    theirs = peers.ask("labels", "mlfinpy", part)
    events, bars = frames(made)
    ours = labels(events[:part], bars, BarrierParams(pt=PT, sl=SL, max_bars=MAX_BARS))
    if theirs["t1"] != ours["t1"].to_physical().to_list():
        found.append("ends of the triple barrier differ")
    # a position that is short returns -r where mlfinpy turns logarithms back: 1 / (1 + r) - 1
    side = made.side[:part]
    path = np.log1p(side * ours["ret_frac"].to_numpy())
    if not np.allclose(np.expm1(side * path), theirs["ret"], rtol=0, atol=1e-12):
        found.append("returns of the triple barrier differ")
    answer = peers.ask("trends", "mlfinpy", part)
    t_value, n_bars = trends(Work(made.ts_us, made.close, made.start[:part], side, made.target[:part]))
    if answer["t1"] != made.ts_us[made.start[:part] + n_bars - 1].tolist():
        found.append("windows of trend scanning differ")
    if not np.allclose(t_value, answer["t_value"], rtol=1e-8, atol=0):
        found.append("t-values of trend scanning differ")
    return found
