"""What checks share: what a series of bars is, and the sessions in which its rows fall."""

from __future__ import annotations

import polars as pl

from tsis.core.table import TableSpec

DAILY = frozenset({"raw.ohlcv_daily", "processed_features.daily_cache"})
BARS = frozenset({"raw.ohlcv_daily", "raw.ohlcv_1h", "raw.ohlcv_1m", "processed_features.information_bars"})
SESSIONS, TICKERS = "reference.sessions", "reference.tickers_dim"


def of_series(table: TableSpec) -> list[str]:
    """Return the columns that tell series apart: ticker, of raw tables the source, and the kind of bar."""
    return [name for name in ("ticker", "source", "bar_spec") if name in table.polars_schema]


def shown(table: TableSpec) -> list[str]:
    """Return those columns of a series that measured values carry."""
    return [name for name in of_series(table) if name != "source"]


def begins(series: list[str]) -> pl.Expr:
    """Tell which rows, sorted by series, are the first of theirs; cheaper than windows over the series."""
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in series) | (
        pl.int_range(pl.len()) == 0
    )


def day(table: TableSpec) -> pl.Expr:
    """Return the day of a row: its date or session where it has one, else that of the time it is known, UTC."""
    for name in ("date", "session"):
        if name in table.polars_schema:
            return pl.col(name)
    # a bar that ends at midnight belongs to the day before
    return (pl.col(str(table.known)) - pl.duration(microseconds=1 if table.known == "ts_close" else 0)).dt.date()


def ticker_sessions(sessions: pl.DataFrame, tickers_dim: pl.DataFrame) -> pl.LazyFrame:
    """Return ticker, session, open and close: the sessions of the exchange where each ticker was listed at the time.

    The first known exchange counts for the time before as well.
    """
    listings = (
        tickers_dim.lazy()
        .sort("ticker", "valid_from", "known_at")
        .unique(["ticker", "valid_from"], keep="last", maintain_order=True)
        .select(
            "ticker",
            "exchange",
            since=pl.when(pl.col("valid_from") > pl.col("valid_from").min().over("ticker")).then("valid_from"),
            until=pl.col("valid_from").shift(-1).over("ticker"),
        )
    )
    is_then = (pl.col("since").is_null() | (pl.col("session") >= pl.col("since"))) & (
        pl.col("until").is_null() | (pl.col("session") < pl.col("until"))
    )
    return (
        listings.join(sessions.lazy().select("exchange", "session", "open", "close"), on="exchange")
        .filter(is_then)
        .select("ticker", "session", "open", "close")
    )


def in_sessions(moments: pl.LazyFrame, due: pl.LazyFrame) -> pl.LazyFrame:
    """Return those of `moments` (column ``at``) within a session open ≤ at < close, with session, open and close."""
    return (
        moments.sort("at")
        .join_asof(due.sort("open"), left_on="at", right_on="open", by="ticker", check_sortedness=False, coalesce=False)
        .filter(pl.col("at") < pl.col("close"))
    )
