"""Ticks → dollar bars: the kernel and the stage against mlfinpy, and against reading the arrays once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.contest import Contest, Target, Timer, timed
from benchmarks.dialogue import Dialogue, dialogue
from tsis.bars.information_bars import InformationBarsParams, information_bars
from tsis.bars.trade_bars import Ticks, ticks
from tsis.core.bar_spec import BarSpec, parse_bar_spec
from tsis.core.table import spec
from tsis.kernels import bars as kernel
from tsis.tables.raw.trades import Trades

TRADES = Path(__file__).resolve().parent.parent / "data" / "sample" / "es_trades.parquet"
BARS = (parse_bar_spec("dollar_70M"), parse_bar_spec("dollar_1M"))
"""mlfinpy's default threshold gives 43 bars, a million 2,963; the multiplier is one, as mlfinpy has none."""
FASTER_AT_LEAST = 300
MANY = 20_000_000
READS_AT_MOST = 5
_COMPARED = {
    "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume", "n_ticks": "cum_ticks",
    "dollar_volume": "cum_dollar_value", "buy_volume": "cum_buy_volume",
}  # fmt: skip


class Peer:
    """A running mlfinpy."""

    def __init__(self, peer: Dialogue) -> None:
        self._peer = peer

    def ask(self, word: str, bar: BarSpec = BARS[0]) -> Any:
        """Send one word and the threshold of `bar`, and return the answer."""
        return self._peer.send(f"{word} {bar.threshold}")

    def timers(self, bar: BarSpec) -> dict[str, Timer]:
        """Return mlfinpy's two ways."""
        return {
            "mlfinpy, data frame in memory": lambda: float(self.ask("frame", bar)),
            "mlfinpy, CSV file": lambda: float(self.ask("file", bar)),
        }


@contextmanager
def running_peer(python: str) -> Iterator[Peer]:
    """Start mlfinpy under the interpreter `python`; it ends with the block."""
    with dialogue(python, "peer_mlfinpy.py") as peer:
        yield Peer(peer)


def es_trades() -> pl.DataFrame:
    """Return the 500,000 bundled trades as rows of raw.trades."""
    given = {"ts": pl.col("ts"), "price": pl.col("price"), "size": pl.col("size")}
    made = {
        "ticker": pl.lit("ES"),
        "seq": pl.int_range(pl.len()).over("ts"),
        "side": pl.lit("unknown"),
        "source": pl.lit("sample"),
        "known_at": pl.col("ts"),
        "is_suspicious": pl.lit(value=False),
        "is_synthetic": pl.lit(value=False),
        "is_deleted": pl.lit(value=False),
    }
    columns = {**given, **made}
    return pl.read_parquet(TRADES).select(
        columns.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in spec(Trades).polars_schema.items()
    )


def es_ticks() -> Ticks:
    """Return the bundled trades as arrays, without adjustment."""
    return ticks(es_trades().with_columns(split_factor=pl.lit(1.0), price_factor=pl.lit(1.0)))


def many_ticks(tape: Ticks, n: int = MANY) -> Ticks:
    """Return `n` trades: those of `tape` over and over, each time later than the last."""
    times = -(-n // tape.price.size)
    span = int(tape.ts_us[-1] - tape.ts_us[0]) + 1
    ts = (np.arange(times)[:, None] * span + tape.ts_us).ravel()[:n]
    rest = (tape.seq, tape.price, tape.size, tape.side, tape.split_factor, tape.price_factor)
    return Ticks(ts, *(np.resize(array, n) for array in rest))


def fold(tape: Ticks, bar: BarSpec) -> NDArray[np.float64]:
    """Return the bars of `tape` as the kernel writes them."""
    out = np.empty((4_096, len(kernel.OUT_COLUMNS)))
    _, written = kernel.fold_bars(
        tape.ts_us, tape.seq, tape.price, tape.size, tape.side,
        kernel.DOLLAR, bar.threshold, 1.0, 1.0, 1.0, kernel.initial_state(), out,
    )  # fmt: skip
    return out[:written]


def read_once(tape: Ticks) -> float:
    """Read every price and size: nobody makes bars without."""
    return float(tape.price.sum() + tape.size.sum())


def stage_inputs(trades: pl.DataFrame, bar: BarSpec) -> dict[str, Any]:
    """Return the arguments of the stage `information_bars` that make it build the same bars from `trades`."""
    empty = {table.table: table.empty() for table in information_bars.reads}
    facts = {"ticker": "ES", "asset_class": "future", "multiplier": 1.0}
    blank = pl.DataFrame({name: [facts.get(name)] for name in empty["tickers_dim"].columns})
    tickers_dim = blank.select(pl.col(name).cast(kind) for name, kind in empty["tickers_dim"].schema.items())
    params = InformationBarsParams(bars={"future": (bar.name,)})
    return empty | {"trades": trades, "tickers_dim": tickers_dim, "params": params}


def contests(peer: Peer | None) -> list[Contest]:
    """Return the folds: kernel and stage; without a peer the kernel against the floor only."""
    trades, tape = es_trades(), es_ticks()
    kernels = [*(_kernel(tape, bar, peer) for bar in BARS), _many(many_ticks(tape), BARS[0])]
    return [*kernels, *([_stage(trades, BARS[1], peer)] if peer else [])]


def _kernel(tape: Ticks, bar: BarSpec, peer: Peer | None) -> Contest:
    floor = {"read price and size once (`np.sum`)": timed(lambda: read_once(tape), 9, time.thread_time)}
    return Contest(
        f"500k ticks → {len(fold(tape, bar)):,} dollar bars, kernel",
        timed(lambda: fold(tape, bar), 9, time.thread_time),
        (peer.timers(bar) if peer else {}) | floor,
        {"mlfinpy, data frame in memory": Target(1 / FASTER_AT_LEAST)},
        tape.price.size,
        "ticks",
    )


def _many(tape: Ticks, bar: BarSpec) -> Contest:
    floor = "read price and size once (`np.sum`)"
    return Contest(
        f"{tape.price.size / 1e6:.0f}M ticks → {len(fold(tape, bar)):,} dollar bars, kernel",
        timed(lambda: fold(tape, bar), 1, time.thread_time),
        {floor: timed(lambda: read_once(tape), 1, time.thread_time)},
        {floor: Target(READS_AT_MOST)},
        tape.price.size,
        "ticks",
    )


def _stage(trades: pl.DataFrame, bar: BarSpec, peer: Peer) -> Contest:
    arguments = stage_inputs(trades, bar)
    return Contest(
        "the same from rows of raw.trades to rows of information_bars, stage",
        timed(lambda: information_bars(**arguments), 3),
        peer.timers(bar),
        {},
        trades.height,
        "ticks",
    )


def differences(peer: Peer, bar: BarSpec) -> list[str]:
    """Return where mlfinpy's bars are not ours; exact, sums included."""
    theirs = peer.ask("bars", bar)
    ours = pl.DataFrame(fold(es_ticks(), bar), schema=list(kernel.OUT_COLUMNS), orient="row")
    n = len(theirs["open"])
    if ours.height != n:
        return [f"{bar.name}: {ours.height:,} bars, mlfinpy has {n:,}"]
    found = []
    for name, other in _COMPARED.items():
        gaps = np.abs(ours[name].to_numpy() - np.asarray(theirs[other], dtype=float))
        if gaps.any():
            found.append(f"{bar.name} {name}: {np.count_nonzero(gaps):,} of {n:,} differ, by {gaps.max():g} at most")
    return found
