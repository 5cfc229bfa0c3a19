"""Publishing and reading minute bars: the lake against polars and DuckDB on the same files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from benchmarks.contest import Contest, Target, timed
from benchmarks.minute_bars import FIRST_DAY
from tsis.core.table import spec
from tsis.lake import Lake
from tsis.tables.raw.ohlcv_1m import Ohlcv1m

TABLE = spec(Ohlcv1m)
READ_AT_MOST = 1.3
YEAR = (datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))
FIRST = (FIRST_DAY.replace(hour=0, minute=0), FIRST_DAY.replace(day=3, hour=0, minute=0))
DAY = (FIRST_DAY.replace(month=7, day=10, hour=0, minute=0), FIRST_DAY.replace(month=7, day=11, hour=0, minute=0))


def new_lake(folder: Path) -> Lake:
    """Return an empty lake that knows the table of minute bars."""
    shutil.rmtree(folder, ignore_errors=True)
    return Lake(folder, {TABLE.name: TABLE})


def open_published(folder: Path) -> Lake:
    """Return the lake that the last run of `publish` left in `folder`."""
    return Lake(folder / "published", {TABLE.name: TABLE})


def files(lake: Lake) -> list[Path]:
    """Return the files of the current version, in the manifest's order."""
    manifest = lake.manifest(TABLE, lake.snapshot().tables[TABLE.name])
    return [lake.folder(TABLE) / entry.path for entry in manifest.files]


def publish(rows: pl.DataFrame, folder: Path) -> Contest:
    """Contract, sort, month partitions, hashes and fsync of the lake; polars sorts and writes one file, no more."""

    def with_polars() -> None:
        rows.sort(TABLE.key).write_parquet(
            folder / "plain.parquet", compression="zstd", compression_level=3, row_group_size=131_072
        )

    return Contest(
        f"publish {rows.height / 1e6:.0f}M minute bars",
        _fresh(lambda: new_lake(folder / "published"), lambda lake: lake.append(TABLE.name, rows)),
        {"polars `sort().write_parquet()`, one file": timed(with_polars)},
        n_items=rows.height,
        item="rows",
        is_warmed=False,
    )


def _fresh(prepare: Callable[[], Lake], work: Callable[[Lake], object]) -> Callable[[], float]:
    def run() -> float:
        lake = prepare()
        return timed(lambda: work(lake))()

    return run


def reads(lake: Lake, ticker: str = "T042") -> list[Contest]:
    """Return the reads: everything, one ticker's year, one day of all tickers."""
    paths = files(lake)
    rows = lake.scan(TABLE.name).select(pl.len()).collect().item()
    return [
        Contest(
            f"read {rows / 1e6:.0f}M minute bars",
            timed(lambda: lake.scan(TABLE.name).collect()),
            {
                "polars `read_parquet()`": timed(lambda: read_polars(paths)),
                "DuckDB `read_parquet()` to Arrow": timed(lambda: read_duckdb(paths)),
            },
            {
                "polars `read_parquet()`": Target(READ_AT_MOST),
                "DuckDB `read_parquet()` to Arrow": Target(READ_AT_MOST),
            },
            rows,
            "rows",
        ),
        Contest(
            "one ticker's year",
            timed(lambda: lake.scan(TABLE.name, [ticker], *YEAR).collect()),
            {
                "polars `scan_parquet().filter()`": timed(lambda: scan_polars(paths, *YEAR, ticker)),
                "DuckDB `read_parquet() where`": timed(lambda: scan_duckdb(paths, *YEAR, ticker)),
            },
        ),
        Contest(
            "one day of all tickers",
            timed(lambda: lake.scan(TABLE.name, None, *DAY).collect()),
            {
                "polars `scan_parquet().filter()`": timed(lambda: scan_polars(paths, *DAY)),
                "DuckDB `read_parquet() where`": timed(lambda: scan_duckdb(paths, *DAY)),
            },
        ),
    ]


def read_corrected(lake: Lake) -> Contest:
    """Correct one bar, then read everything: superseded states must now be dropped while reading."""
    first = lake.scan(TABLE.name).head(1).collect()
    later = pl.col("known_at") + timedelta(days=1)
    lake.append(TABLE.name, first.with_columns(close=pl.col("open"), known_at=later))
    paths = files(lake)
    rows = lake.scan(TABLE.name).select(pl.len()).collect().item()
    return Contest(
        f"read all {rows / 1e6:.0f}M after one bar was corrected",
        timed(lambda: lake.scan(TABLE.name).collect()),
        {"polars `read_parquet()`, both states of the bar": timed(lambda: read_polars(paths))},
    )


def read_polars(paths: list[Path]) -> pl.DataFrame:
    return pl.read_parquet(paths, hive_partitioning=False, glob=False)


def read_duckdb(paths: list[Path]) -> pa.Table:
    return _duckdb("select * from read_parquet($files, hive_partitioning = false)", files=[str(path) for path in paths])


def scan_polars(paths: list[Path], start: datetime, end: datetime, ticker: str | None = None) -> pl.DataFrame:
    rows = pl.scan_parquet(paths, hive_partitioning=False, glob=False)
    if ticker is not None:
        rows = rows.filter(pl.col("ticker") == ticker)
    return rows.filter(pl.col("ts") >= start, pl.col("ts") < end).collect()


def scan_duckdb(paths: list[Path], start: datetime, end: datetime, ticker: str | None = None) -> pa.Table:
    which = "and ticker = $ticker" if ticker is not None else ""
    return _duckdb(
        f"select * from read_parquet($files, hive_partitioning = false) where ts >= $start and ts < $end {which}",
        files=[str(path) for path in paths],
        start=start,
        end=end,
        **({"ticker": ticker} if ticker is not None else {}),
    )


def _duckdb(query: str, **parameters: object) -> pa.Table:
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.sql(query, params=parameters).to_arrow_table()


def disagreements(lake: Lake, ticker: str = "T042", day: tuple[datetime, datetime] = DAY) -> list[str]:
    """Return which ways of reading give other rows than the lake's: none, or the times mean nothing."""
    paths = files(lake)
    found = []
    for name, span, wanted in (("one ticker's year", YEAR, ticker), ("one day of all tickers", day, None)):
        ours = lake.scan(TABLE.name, [wanted] if wanted else None, *span).collect()
        if not ours.equals(scan_polars(paths, *span, wanted)):
            found.append(f"{name}: polars reads other rows")
        theirs = pl.DataFrame(pl.from_arrow(scan_duckdb(paths, *span, wanted))).sort(TABLE.key)
        if ours.is_empty() or not ours.sort(TABLE.key).equals(theirs.cast(TABLE.polars_schema)):
            found.append(f"{name}: DuckDB reads other rows")
    return found
