"""The quality gate on a million rows: `python -m benchmarks.quality [DAYS]`, beside the import of its library.

The candidate is raw.ohlcv_1m, ten tickers over a year of minutes; its last day is new, as in an increment. The gate
reads it from the files, measures, judges, writes verdicts and page. At most 5 s are allowed for the million rows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import polars as pl

from benchmarks.minute_bars import minute_bars
from tsis.bars.sessions import calendar_sessions
from tsis.core.clock import SystemClock
from tsis.lake import Lake
from tsis.lake.transaction import Transaction
from tsis.runtime.gate import QUALITY, judge_current, quality_gate
from tsis.runtime.tables import tables

SECONDS_AT_MOST = 5.0
ROUNDS = 3
BARS = "raw.ohlcv_1m"


def lake_with_candidate(root: Path, n_days: int) -> tuple[Lake, pl.DataFrame]:
    """Return a lake whose bars end a day before the rows that are returned."""
    bars = minute_bars(10, n_days)
    lake = Lake(root, tables())
    listed = {"asset_class": "equity", "currency": "USD", "is_delisted": False, "tick_size": 0.01, "lot_size": 1.0}
    tickers = (
        bars.select("ticker")
        .unique()
        .with_columns(
            name=pl.col("ticker"),
            exchange=pl.lit("XNYS"),
            multiplier=pl.lit(1.0),
            valid_from=pl.lit(date(2000, 1, 1)),
            known_at=pl.lit(datetime(2000, 1, 1, tzinfo=UTC)),
            **{name: pl.lit(value) for name, value in listed.items()},
        )
    )
    calendar = calendar_sessions("XNYS", date(2019, 1, 1), date(2020, 12, 31)).with_columns(exchange=pl.lit("XNYS"))
    for name, rows in (("reference.tickers_dim", tickers), ("reference.sessions", calendar)):
        lake.replace(
            name, pl.concat([lake.spec(name).empty(), rows], how="diagonal_relaxed").cast(lake.spec(name).polars_schema)
        )
    lake.replace(BARS, bars.filter(pl.col("ts") < pl.col("ts").max().dt.truncate("1d")))
    return lake, bars


def gated(lake: Lake, transaction: Transaction) -> tuple[float, float]:
    """Return the seconds that the gate takes, by the clock and of all processors."""
    begin, busy = time.perf_counter(), time.process_time()
    quality_gate(lake, transaction, "benchmark", SystemClock())
    return time.perf_counter() - begin, time.process_time() - busy


def main() -> None:
    """Print rows, seconds of the import, of the gate, and how many verdicts it gave."""
    n_days = int(sys.argv[1]) if len(sys.argv) > 1 else 257
    with tempfile.TemporaryDirectory() as folder:
        lake, bars = lake_with_candidate(Path(folder) / "lake", n_days)
        begin = time.perf_counter()
        import great_expectations  # noqa: F401

        imported = time.perf_counter() - begin
        with lake.transaction([BARS]) as transaction:
            transaction.replace(BARS, bars)
            taken = [gated(lake, transaction) for _ in range(ROUNDS)]
        seconds, busy = (median(column) for column in zip(*taken, strict=True))
        verdicts = lake.scan(QUALITY).collect()
        last = verdicts.filter(pl.col("judged_at") == pl.col("judged_at").max())
        begin = time.perf_counter()
        judge_current(lake)
        current = time.perf_counter() - begin
    print(f"{bars.height:,} rows, {last.height} verdicts, {last.filter(~pl.col('is_passed')).height} not passed")
    print(f"import {imported:.1f} s; gate {seconds:.2f} s ({busy:.2f} s of processors)")
    print(f"judging the whole small lake {current:.2f} s")
    if seconds > SECONDS_AT_MOST * bars.height / 1e6:
        sys.exit(f"the gate took more than {SECONDS_AT_MOST} s a million rows")


if __name__ == "__main__":
    main()
