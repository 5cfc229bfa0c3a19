"""Every feature of a year of minute bars of many tickers, through the lake: memory does not grow with the tickers.

`python -m benchmarks.features_growth` measures 10, 20 and 40 tickers on two threads,
`python -m benchmarks.features_growth 500` so many, `… 500 15` the same with the first 15 minutes of each day only.
`… run FOLDER` runs the stage on the lake there and prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks.growth import _rows
from benchmarks.memory import peak_bytes
from benchmarks.minute_bars import FIRST_DAY, MINUTES_A_DAY, minute_bars
from tsis.features.features import FeaturesParams, features
from tsis.lake import Lake
from tsis.runtime.run import run
from tsis.runtime.tables import tables

SIZES = (10, 20, 40)
DAYS, THREADS = 252, 2
_MIDNIGHT, _MINUTE = FIRST_DAY.replace(hour=0, minute=0), timedelta(minutes=1)
_AT_ONCE = 10
"""Tickers in one append: what making them up takes."""


@dataclass(frozen=True)
class Streamed:
    """What the stage took for so many tickers; `peak_bytes` is the largest resident set of its process."""

    tickers: int
    bars: int
    columns: int
    seconds: float
    peak_bytes: int


def fill(root: Path, n_tickers: int, n_before: int = 0, minutes: int = MINUTES_A_DAY) -> None:
    """Add the tickers from `n_before` to `n_tickers` to the lake at `root`: facts, sessions, bars of a year.

    `minutes` : of each day that have bars, from the open.
    """
    lake = Lake(root, tables())
    if n_before == 0:
        add_sessions(lake)
    for first in range(n_before, n_tickers, _AT_ONCE):
        count = min(_AT_ONCE, n_tickers - first)
        made = minute_bars(count, DAYS).with_columns(
            ticker=pl.format("S{}", pl.col("ticker").str.slice(1).cast(pl.Int64) + first)
        )
        made = made.filter(pl.col("ts") < pl.col("ts").dt.truncate("1d") + (FIRST_DAY - _MIDNIGHT) + minutes * _MINUTE)
        lake.append("reference.tickers_dim", facts_of(made["ticker"].unique().sort()))
        lake.append("processed_features.information_bars", bars_of(made))


def bars_of(made: pl.DataFrame) -> pl.DataFrame:
    """Return minute bars as rows of information_bars."""
    kinds = tables()["processed_features.information_bars"].polars_schema
    volume, middle = pl.col("volume"), (pl.col("open") + pl.col("close")) / 2
    share = (pl.col("close") - pl.col("low")) / (pl.col("high") - pl.col("low") + 0.01)
    bars = made.with_columns(
        bar_spec=pl.lit("time_1m"),
        ts_open=pl.col("ts"),
        seq=0,
        dollar_volume=volume * middle,
        n_ticks=pl.col("n_trades"),
        vwap=middle,
        buy_volume=(volume * share).floor(),
        sell_volume=volume - (volume * share).floor(),
        n_buys=(pl.col("n_trades") * share).floor(),
        n_sells=pl.col("n_trades") - (pl.col("n_trades") * share).floor(),
        threshold=60.0,
        price_factor=1.0,
        raw_table=pl.lit("raw.ohlcv_1m"),
        raw_ts_first="ts",
        raw_seq_first=0,
        raw_ts_last="ts",
        raw_seq_last=0,
    ).with_columns(imbalance=pl.col("buy_volume") - pl.col("sell_volume"))
    given = [pl.col(name) if name in bars.columns else pl.lit(None).alias(name) for name in kinds]
    return bars.select(column.cast(kind) for column, kind in zip(given, kinds.values(), strict=True))


def facts_of(names: pl.Series) -> pl.DataFrame:
    """Return rows of tickers_dim for made-up shares."""
    facts = {
        "ticker": names, "name": "made up", "exchange": "XNYS", "asset_class": "equity", "currency": "USD",
        "is_delisted": False, "tick_size": 0.01, "lot_size": 1.0, "multiplier": 1.0,
        "valid_from": FIRST_DAY.date(), "known_at": FIRST_DAY,
    }  # fmt: skip
    return _rows("reference.tickers_dim", facts)


def add_sessions(lake: Lake, n_days: int = DAYS) -> None:
    """Add the sessions of the exchange on which the bars are made."""
    calendar = [FIRST_DAY + timedelta(days=i) for i in range(n_days * 7 // 5 + 3)]
    opens = pl.Series([day for day in calendar if day.weekday() < 5][:n_days], dtype=pl.Datetime("us", "UTC"))
    values = {
        "exchange": "XNYS",
        "session": opens.dt.date(),
        "open": opens,
        "close": opens + timedelta(minutes=MINUTES_A_DAY),
        "is_half_day": False,
    }
    lake.append("reference.sessions", _rows("reference.sessions", values))


def stream(root: Path) -> Streamed:
    """Run the stage in a new process on the lake at `root`."""
    command = [sys.executable, "-m", "benchmarks.features_growth", "run", str(root)]
    folder = Path(__file__).resolve().parent.parent
    answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    return Streamed(**json.loads(answer.stdout))


def measure(folder: Path, sizes: tuple[int, ...] = SIZES, minutes: int = MINUTES_A_DAY) -> list[Streamed]:
    """Compute the features of each number of tickers anew; the lake grows from one to the next."""
    found, before = [], 0
    for size in sizes:
        print(f"features of {size} tickers in a lake ...", file=sys.stderr, flush=True)
        fill(folder / "streamed", size, before, minutes)
        before = size
        found.append(stream(folder / "streamed"))
    return found


def table(streamed: list[Streamed]) -> str:
    """Return what was measured as a Markdown table, with 500 tickers at the pace of the last."""
    lines = [
        "| tickers, a year | bars | values | seconds | a ticker | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {item.tickers} | {item.bars:,} | {item.bars * item.columns / 1e6:,.0f}M | {item.seconds:.0f} | "
        f"{item.seconds / item.tickers:.2f} s | {item.peak_bytes / 1e6:,.0f} MB |"
        for item in streamed
    ]
    return "\n".join(lines) + "\n"


def _child(root: str) -> None:
    params = {"features": FeaturesParams()}
    lake = Lake(Path(root), tables(params))
    started = time.perf_counter()
    report = run(lake, [features], params, threads=THREADS, is_forced=True)
    seconds = time.perf_counter() - started - sum(outcome.compile_s for outcome in report.outcomes)
    if report.failed:
        raise SystemExit(report.failed[0].error)
    (outcome,) = report.outcomes
    schema = lake.scan("processed_features.features").collect_schema()
    tickers = lake.scan("reference.tickers_dim").select(pl.col("ticker").n_unique()).collect().item()
    found = Streamed(tickers, outcome.rows_out, len(schema.names()), seconds, peak_bytes())
    print(json.dumps(found.__dict__))


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        _child(sys.argv[2])
    else:
        os.environ.setdefault("POLARS_MAX_THREADS", str(THREADS))
        asked = [int(number) for number in sys.argv[1:3]]
        with tempfile.TemporaryDirectory() as name:
            print(table(measure(Path(name), (asked[0],) if asked else SIZES, *asked[1:])))
