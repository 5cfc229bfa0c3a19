"""The sessions of a ticker: those of the exchange on which it was listed at the time."""

from __future__ import annotations

import polars as pl


def ticker_sessions(sessions: pl.DataFrame, tickers_dim: pl.DataFrame, ticker: str) -> pl.DataFrame:
    """Return the sessions of the exchange on which `ticker` was listed at the time, in order.

    The first known exchange counts for the time before as well. A ticker that is not in tickers_dim has none.

    Parameters
    ----------
    sessions : rows of reference.sessions, of any exchanges.
    tickers_dim : rows of reference.tickers_dim, of any tickers.
    """
    rows = tickers_dim.lazy().filter(pl.col("ticker") == ticker).sort("valid_from")
    listings = rows.select("valid_from", listed="exchange").collect()
    return (
        sessions.lazy()
        .filter(pl.col("exchange").is_in(listings["listed"].to_list()))
        .sort("session", "open")
        .join_asof(listings.lazy(), left_on="session", right_on="valid_from", check_sortedness=False)
        .with_columns(pl.col("listed").fill_null(pl.lit(listings["listed"].first(), pl.String)))
        .filter(pl.col("exchange") == pl.col("listed"))
        .drop("listed", "valid_from")
        .collect()
    )
