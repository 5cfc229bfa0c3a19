"""Bars of a ticker whose trades lie in a lake: time grows with the trades, memory does not.

`python -m benchmarks.growth` measures 1M, 10M and 50M trades, a million a day; `python -m benchmarks.growth LAKE` runs
the stage on one lake and prints one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.memory import FIRST_DAY, ROWS_A_DAY, peak_bytes
from tsis.bars.information_bars import InformationBarsParams, information_bars
from tsis.lake import Lake
from tsis.runtime.run import run
from tsis.runtime.tables import tables

SIZES = (1, 10, 50)
BARS = ("time_1m", "time_1h", "tick_1000", "volume_500k", "dollar_75M")


@dataclass(frozen=True)
class Grown:
    """What the stage took on a lake of so many trades; `peak_bytes` is the largest resident set of its process."""

    trades: int
    bars: int
    seconds: float
    peak_bytes: int


def day(i: int) -> pl.DataFrame:
    """Return a million made-up trades of one ticker on the i-th day."""
    random = np.random.default_rng(i)
    us = np.sort(random.integers(0, 86_400_000_000, ROWS_A_DAY))
    ts = pl.Series(us).cast(pl.Duration("us")) + (FIRST_DAY + timedelta(days=i)).replace(tzinfo=None)
    moment = ts.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    values = {
        "ticker": "X",
        "ts": moment,
        "seq": np.arange(ROWS_A_DAY),
        "price": 150.0 + np.cumsum(random.integers(-1, 2, ROWS_A_DAY)) / 100,
        "size": random.integers(1, 500, ROWS_A_DAY).astype(float),
        "side": "unknown",
        "is_suspicious": False,
        "source": "made_up",
        "is_synthetic": True,
        "is_deleted": False,
        "known_at": moment,
    }
    return _rows("raw.trades", values)


def _rows(table: str, values: dict[str, object]) -> pl.DataFrame:
    schema = tables()[table].polars_schema
    given = pl.select(
        **{name: pl.lit(value) for name, value in values.items() if not isinstance(value, pl.Series | np.ndarray)}
    )
    long = pl.DataFrame({name: value for name, value in values.items() if isinstance(value, pl.Series | np.ndarray)})
    both = given if long.is_empty() else long.with_columns(pl.lit(given[name][0]).alias(name) for name in given.columns)
    return both.select(
        (pl.col(name) if name in values else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    )


def fill(root: Path, n_days: int, n_before: int = 0) -> Lake:
    """Return the lake at `root` with the days from `n_before` to `n_days` added."""
    lake = Lake(root, tables())
    if n_before == 0:
        facts = {
            "ticker": "X", "name": "X", "exchange": "XNYS", "asset_class": "equity", "currency": "USD",
            "is_delisted": False, "tick_size": 0.01, "lot_size": 1.0, "multiplier": 1.0,
            "valid_from": FIRST_DAY.date(), "known_at": FIRST_DAY,
        }  # fmt: skip
        lake.append("reference.tickers_dim", _rows("reference.tickers_dim", facts))
    for i in range(n_before, n_days):
        lake.append("raw.trades", day(i))
    return lake


def build(root: Path) -> Grown:
    """Run the stage in a new process on the lake at `root`."""
    command = [sys.executable, "-m", "benchmarks.growth", str(root)]
    folder = Path(__file__).resolve().parent.parent
    answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    return Grown(**json.loads(answer.stdout))


def table(grown: list[Grown]) -> str:
    """Return the builds as a Markdown table."""
    lines = ["| trades in the lake | bars | seconds | a million trades | peak memory |", "|---|---|---|---|---|"]
    lines += [
        f"| {item.trades / 1e6:,.0f}M | {item.bars:,} | {item.seconds:.1f} | "
        f"{item.seconds / item.trades * 1e9:.0f} ms | {item.peak_bytes / 1e6:,.0f} MB |"
        for item in grown
    ]
    return "\n".join(lines) + "\n"


def measure(folder: Path) -> list[Grown]:
    """Build the bars of each size anew; the lake grows from one to the next."""
    found, before = [], 0
    for millions in SIZES:
        print(f"bars of {millions}M trades in a lake ...", file=sys.stderr, flush=True)
        lake = fill(folder / "growth", millions, before)
        before = millions
        found.append(build(lake.root))
    return found


def _child(root: str) -> None:
    lake = Lake(Path(root), tables())
    params = InformationBarsParams(bars={"equity": BARS})
    trades = lake.scan("raw.trades").select(pl.len()).collect().item()
    started = time.perf_counter()
    report = run(lake, [information_bars], {"information_bars": params}, is_forced=True)
    seconds = time.perf_counter() - started - sum(outcome.compile_s for outcome in report.outcomes)
    if report.failed:
        raise SystemExit(report.failed[0].error)
    bars = report.outcomes[0].rows_out
    print(json.dumps({"trades": trades, "bars": bars, "seconds": seconds, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _child(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as name:
            print(table(measure(Path(name))))
