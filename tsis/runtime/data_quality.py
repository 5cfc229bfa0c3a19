"""What the raw rows behind a strategy's results are worth: real or generated, whole or with gaps."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from tsis.analytics.verdict import DataQuality
from tsis.core.ticker_sessions import ticker_sessions
from tsis.lake.quarantine import FOLDER
from tsis.lake.store import Lake

_MICROSECOND = timedelta(microseconds=1)


def data_quality(lake: Lake, session_id: str) -> DataQuality:
    """Count the raw rows of the bars that a session's setups rest on, in the current snapshot.

    Rows that were set aside are counted by ticker over all time: what is wrong with a row may be its time.
    """
    traded = lake.scan("setups").filter(pl.col("session_id") == session_id).select("ticker", "bar_spec").unique()
    bars = (
        lake.scan("information_bars")
        .join(traded, on=["ticker", "bar_spec"], how="semi")
        .select("ticker", "ts_close", "raw_table", "raw_ts_first", "raw_ts_last")
        .collect()
    )
    if bars.is_empty():
        return DataQuality()
    tickers = _with_contracts(lake, bars["ticker"].unique().sort().to_list())
    n_rows = n_synthetic = n_set_aside = 0
    for table in bars["raw_table"].unique().sort().to_list():
        of_table = bars.filter(pl.col("raw_table") == table)
        start, end = of_table["raw_ts_first"].min(), of_table["raw_ts_last"].max()
        found = (
            lake.scan(table, start=start, end=end + _MICROSECOND)  # type: ignore[arg-type,operator]
            .filter(pl.col("ticker").is_in(tickers))
            .select(pl.len().alias("n"), pl.col("is_synthetic").sum().alias("synthetic"))
            .collect()
        )
        n_rows, n_synthetic = n_rows + found["n"][0], n_synthetic + found["synthetic"][0]
        n_set_aside += _set_aside(lake, table, tickers)
    n_sessions, n_missing = _sessions(lake, bars)
    return DataQuality(n_rows, n_synthetic, n_set_aside, n_sessions, n_missing)


def _with_contracts(lake: Lake, tickers: list[str]) -> list[str]:
    rolls = lake.scan("futures_roll").filter(pl.col("product").is_in(tickers)).select("ticker").unique().collect()
    return sorted({*tickers, *rolls["ticker"].to_list()})


def _set_aside(lake: Lake, table: str, tickers: list[str]) -> int:
    """Count the rows in quarantine; those without a readable ticker can be anybody's, and count."""
    n_rows = 0
    for path in sorted((lake.root / FOLDER / table.replace(".", "/")).glob("*.parquet")):
        rows = pl.read_parquet(path, hive_partitioning=False, glob=False)
        own = pl.col("ticker").cast(pl.String).is_in(tickers) | pl.col("ticker").is_null()
        n_rows += rows.filter(own).height if "ticker" in rows.columns else rows.height
    return n_rows


def _sessions(lake: Lake, bars: pl.DataFrame) -> tuple[int, int]:
    """Return how many sessions lie wholly between the first and the last bar of each ticker, and how many are empty."""
    sessions, tickers_dim = lake.scan("sessions").collect(), lake.scan("tickers_dim").collect()
    n_sessions = n_missing = 0
    for (ticker,), own in bars.partition_by("ticker", as_dict=True).items():
        closes = own["ts_close"].sort()
        listed = ticker_sessions(sessions, tickers_dim, str(ticker)).filter(
            pl.col("open") >= closes[0], pl.col("close") <= closes[-1]
        )
        begun, ended = (closes.search_sorted(listed[name], side="right") for name in ("open", "close"))
        n_sessions += listed.height
        n_missing += int((begun == ended).sum())
    return n_sessions, n_missing
