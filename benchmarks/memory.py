"""Peak memory of streaming ingestion, measured in a process of its own.

`python -m benchmarks.memory CSV LAKE` ingests a file into a lake and prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

ROWS_A_DAY = 1_000_000
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Ingested:
    """What one ingestion took; `peak_bytes` is the largest resident set of its process."""

    file_bytes: int
    rows: int
    seconds: float
    peak_bytes: int


def write_ticks(path: Path, n_bytes: int) -> None:
    """Write a CSV of made-up trades of ten tickers, days of a million rows, until it has `n_bytes`."""
    day = 0
    with path.open("wb") as file:
        while file.tell() < n_bytes:
            _day(day).write_csv(file, include_header=day == 0, datetime_format="%Y-%m-%dT%H:%M:%S%.6f")
            day += 1


def _day(day: int) -> pl.DataFrame:
    random = np.random.default_rng(day)
    us = np.sort(random.integers(0, 86_400_000_000, ROWS_A_DAY))
    ts = pl.Series(us).cast(pl.Duration("us")) + (FIRST_DAY + timedelta(days=day)).replace(tzinfo=None)
    return pl.DataFrame(
        {
            "ticker": random.integers(0, 10, ROWS_A_DAY),
            "ts": ts,
            "price": random.integers(10_000, 20_000, ROWS_A_DAY) / 100,
            "size": random.integers(1, 500, ROWS_A_DAY),
        }
    ).with_columns(ticker=pl.format("T{}", "ticker"))


def ingest_file(path: Path, lake: Path) -> Ingested:
    """Ingest `path` in a new process and return what that process took."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", str(path), str(lake)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parent.parent,
    )
    return Ingested(path.stat().st_size, **json.loads(answer.stdout))


def ingest_made_up(folder: Path, n_bytes: int) -> Ingested:
    """Make a CSV of `n_bytes` in `folder`, ingest it into a lake beside it, and remove both."""
    path, lake = folder / "ticks.csv", folder / "ticks_lake"
    write_ticks(path, n_bytes)
    done = ingest_file(path, lake)
    path.unlink()
    shutil.rmtree(lake)
    return done


def _child(path: str, lake_root: str) -> None:
    from tsis.runtime.ingest import ingest
    from tsis.runtime.sources import request_for, source_named
    from tsis.runtime.workspace import open_lake

    columns = {name: name for name in ("ticker", "ts", "price", "size")}
    source = source_named("files")
    options = {"path": path, "table": "raw.trades", "columns": columns, "is_synthetic": True}
    started = time.perf_counter()
    done = ingest(open_lake(Path(lake_root)), source, request_for(source, options))
    seconds = time.perf_counter() - started
    print(json.dumps({"rows": done.added.total(), "seconds": seconds, "peak_bytes": peak_bytes()}))


def peak_bytes() -> int:
    """Return the largest resident set of this process.

    Linux hands the parent's peak on through fork and exec in `ru_maxrss`; VmHWM is this program's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
