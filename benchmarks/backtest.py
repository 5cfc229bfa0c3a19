"""The backtest of a million bars with statistics, once and for a hundred sets of parameters, against vectorbt."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.contest import Contest, Target, timed
from benchmarks.dialogue import Dialogue, dialogue
from tsis.analytics.curve_stats import curve_stats
from tsis.analytics.trade_results import expectancy, profit_factor, win_rate_frac
from tsis.backtest.account import AccountParams
from tsis.backtest.backtest import Backtest, backtest
from tsis.backtest.costs import MarketParams
from tsis.backtest.fold import fold
from tsis.backtest.tape import Instrument, Tape, tape
from tsis.kernels import account as acc
from tsis.kernels import decision, fills

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

N_BARS, N_SETS = 1_000_000, 100
FAST, SLOW = 20, 50
START, FEE_FRAC, SLIPPAGE_FRAC = 100_000.0, 5e-4, 1e-4
STOPS = np.repeat(np.linspace(0.01, 0.03, 10), 10)
TARGETS = np.tile(np.linspace(0.02, 0.06, 10), 10)
ACCOUNT = AccountParams(start_equity=START, daily_loss_frac=1.0)
_MINUTE_US, _A_YEAR = 60_000_000, 365 * 24 * 60
_PEER = "vectorbt"


@dataclass(frozen=True)
class Work:
    """Bars that open where the one before closed, and the bars at which averages of closes cross."""

    bars: pl.DataFrame
    tape: Tape
    entry: Rows
    leave: Rows


def work(n_bars: int = N_BARS, slippage_frac: float = 0.0) -> Work:
    """Return made-up bars, with signals to be long while the fast average is above the slow one."""
    rng = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, n_bars)))
    opened = np.concatenate(([100.0], close[:-1]))
    reach = np.abs(rng.normal(0.0, 5e-4, (2, n_bars)))
    prices = {"open": opened, "high": np.maximum(opened, close) * (1 + reach[0])}
    prices |= {"low": np.minimum(opened, close) * (1 - reach[1]), "close": close}
    ends = 1_420_070_400_000_000 + _MINUTE_US * np.arange(1, n_bars + 1)
    times = {"ts_open": pl.Series(ends - _MINUTE_US), "ts_close": pl.Series(ends)}
    bars = pl.DataFrame({"ticker": pl.repeat("X", n_bars, eager=True), **times, **prices}).with_columns(
        pl.col("ts_open", "ts_close").cast(pl.Datetime("us", "UTC"))
    )
    market = MarketParams(slippage_bps=slippage_frac * 1e4, fee_bps=FEE_FRAC * 1e4, max_leverage=1e6)
    above = _mean(close, FAST) > _mean(close, SLOW)
    turns = np.flatnonzero(above[1:] != above[:-1]) + 1
    turns = turns[(turns >= SLOW) & (turns < n_bars - 1)]  # an order at the last close would find no bar
    return Work(bars, tape(bars, {"X": Instrument(market)}), turns[above[turns]], turns[~above[turns]])


def _mean(values: Floats, window: int) -> Floats:
    total = np.cumsum(values)
    out = np.full(values.size, np.nan)
    out[window - 1 :] = (total[window - 1 :] - np.concatenate(([0.0], total[:-window]))) / window
    return out


def proposals(made: Work, entry: Rows, stop: float, target: float = math.inf, trail: float = 0.0) -> Floats:
    """Return the signals as the kernel takes them: one unit each, stop and target as shares of the close."""
    rows, close = np.concatenate((entry, made.leave)), made.tape.bars.close
    rows = rows[(order := np.argsort(rows, kind="stable"))]
    found = np.empty((rows.size, decision.PROPOSAL))
    found[:, decision.P_ROW] = found[:, decision.P_SIGNAL] = rows
    found[:, decision.P_SIDE] = order < entry.size
    found[:, decision.P_TYPE], found[:, decision.P_PRICE] = 0.0, math.nan
    found[:, decision.P_STOP] = close[rows] * (1.0 - stop) if stop > 0 else math.nan
    found[:, decision.P_TARGET] = close[rows] * (1.0 + target)
    found[:, decision.P_TRAIL] = trail
    found[:, decision.P_SIZING], found[:, decision.P_SIZE] = decision.BY_UNITS, 1.0
    found[:, decision.P_EXPIRES :] = math.inf
    return found


def run(made: Work, proposed: Floats) -> Backtest:
    """Return the backtest of proposals, from the arrays."""
    state, equity = acc.new_state(START, 1), np.empty(made.tape.n_bars)
    records = fold(state, ACCOUNT.limits(), made.tape.instruments, made.tape.bars, proposed, equity)
    return Backtest(made.tape, START, equity, records, state)


def statistics(done: Backtest) -> dict[str, Any]:
    """Return the figures of a backtest."""
    results = done.trade_pnl.tolist()
    return curve_stats(done.equity, START, _A_YEAR) | {
        "n_trades": len(results),
        "win_rate_frac": win_rate_frac(results),
        "profit_factor": profit_factor(results),
        "expectancy": expectancy(results),
    }


def single(made: Work) -> dict[str, Any]:
    """Return the figures of one set of parameters, from the arrays."""
    return statistics(run(made, proposals(made, made.entry, float(STOPS[0]), float(TARGETS[0]))))


def from_frames(made: Work) -> dict[str, Any]:
    """Return the same from bars and signals as frames, checked."""
    rows = np.concatenate((made.entry, made.leave))
    entry, n = made.tape.bars.close[rows], made.entry.size
    is_entry = pl.Series(np.arange(rows.size) < n)
    signals = pl.DataFrame(
        {
            "ticker": pl.repeat("X", rows.size, eager=True),
            "ts": made.bars["ts_close"].gather(rows),
            "side": is_entry.cast(pl.Int64),
            "sizing": pl.repeat("units", rows.size, eager=True),
            "stop": entry * (1.0 - STOPS[0]),
            "target": entry * (1.0 + TARGETS[0]),
        }
    )
    instruments = {"X": Instrument(MarketParams(slippage_bps=0.0, fee_bps=FEE_FRAC * 1e4, max_leverage=1e6))}
    return statistics(backtest(tape(made.bars, instruments), signals, ACCOUNT))


def grid(made: Work, n_threads: int) -> list[dict[str, Any]]:
    """Return the figures of every set of parameters."""

    def one(number: int) -> dict[str, Any]:
        return statistics(run(made, proposals(made, made.entry, float(STOPS[number]), float(TARGETS[number]))))

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(one, range(N_SETS)))


def apart(made: Work, stop: float, target: float = math.inf, trail: float = 0.0) -> Rows:
    """Return the entries without those in a bar in which a stop or target was met.

    Ours decides at the close of such a bar, and enters; vectorbt has done its one order of the bar.
    """
    entry = made.entry
    while True:
        records = run(made, proposals(made, entry, stop, target, trail)).records
        met = np.isin(records[:, fills.REASON], (fills.STOPPED, fills.TRAILED, fills.TARGET_MET))
        both = np.intersect1d(entry, records[met, fills.AT_ROW].astype(np.int64))
        if not both.size:
            return entry
        entry = np.setdiff1d(entry, both[:1] if both.size < 3 else both)


def totals(done: Backtest) -> dict[str, Any]:
    """Return what is compared."""
    made = done.records[np.isin(done.records[:, fills.KIND], (fills.ENTERED, fills.EXITED))]
    return {
        "equity": float(done.equity[-1]),
        "n_trades": done.trade_pnl.size,
        "fees": float(made[:, fills.FEE].sum()),
        "pnl": done.trade_pnl.tolist(),
    }


class Peer:
    """A running vectorbt."""

    def __init__(self, peer: Dialogue) -> None:
        self._peer = peer

    def ask(self, word: str) -> Any:
        """Send one line and return the answer."""
        return self._peer.send(word)


def has_peer(python: str) -> bool:
    """Return whether the interpreter `python` has vectorbt."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vectorbt') is None)"
    return subprocess.run([python, "-c", code], capture_output=True).returncode == 0


@contextmanager
def running_peer(python: str, made: Work, folder: Path) -> Iterator[Peer]:
    """Start vectorbt under the interpreter `python` on the bars `made`; it ends with the block."""
    bars, stop, target = made.tape.bars, float(STOPS[0]), float(TARGETS[0])
    np.savez(
        folder / "backtest.npz", open=bars.open_, high=bars.high, low=bars.low, close=bars.close, entry=made.entry,
        leave=made.leave, entry_stops=apart(made, stop, target),
        entry_trailing=apart(work(made.tape.n_bars, SLIPPAGE_FRAC), 0.0, trail=stop),
        size=1.0, fee=FEE_FRAC, slippage=SLIPPAGE_FRAC, start=START, stops=STOPS, targets=TARGETS,
    )  # fmt: skip
    with dialogue(python, "peer_vectorbt.py", str(folder / "backtest.npz")) as peer:
        yield Peer(peer)


def contests(made: Work, peer: Peer | None) -> list[Contest]:
    """Return one run and a grid, each with statistics."""
    n, n_threads = made.tape.n_bars, 2
    rate = {"item": "bars", "is_warmed": False}
    one = {_PEER: lambda: float(peer.ask("single")[0])} if peer else {}
    many = {_PEER: lambda: float(peer.ask("grid")[1])} if peer else {}
    floor = {"read the closes once (`np.sum`)": timed(made.tape.bars.close.sum, 9, time.thread_time)}
    return [
        Contest(
            f"{n:,} bars, {made.entry.size:,} entries with stop and target → trades, equity, statistics",
            timed(lambda: single(made), 5, time.thread_time),
            one | floor,
            {_PEER: Target(1 / 8)},
            n_items=n,
            **rate,
        ),
        Contest(
            "the same from and to data frames, checked",
            timed(lambda: from_frames(made), 3, time.thread_time),
            one,
            {},
            n_items=n,
            **rate,
        ),
        Contest(
            f"the same for {N_SETS} sets of stop and target, on {n_threads} threads",
            timed(lambda: grid(made, n_threads)),
            many or {"on one thread": timed(lambda: grid(made, 1))},
            {_PEER: Target(1 / 10)},
            n_items=n * N_SETS,
            **rate,
        ),
    ]


def differences(made: Work, peer: Peer) -> list[str]:
    """Return where vectorbt's totals of the same signals are not ours: stop and target, and a trailing stop."""
    stop, target = float(STOPS[0]), float(TARGETS[0])
    slipping = work(made.tape.n_bars, SLIPPAGE_FRAC)
    cases = {
        "stops": run(made, proposals(made, apart(made, stop, target), stop, target)),
        "trailing": run(slipping, proposals(slipping, apart(slipping, 0.0, trail=stop), 0.0, trail=stop)),
    }
    found = []
    for word, done in cases.items():
        ours, theirs = totals(done), peer.ask(word)
        if len(ours["pnl"]) != len(theirs["pnl"]):
            found.append(f"{word}: {len(ours['pnl']):,} trades here, {len(theirs['pnl']):,} there")
            continue
        found += [
            f"{word}: {name} differs" for name, value in ours.items()
            if not np.allclose(value, theirs[name], rtol=1e-9, atol=1e-9)
        ]  # fmt: skip
    return found
