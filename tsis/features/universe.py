"""The tickers that could be compared at each close: those that were listed then, as far as it was known."""

from __future__ import annotations

import numpy as np
import polars as pl

_LISTING = ["ticker", "exchange", "_begins", "_ends", "_known_from", "_end_known"]


def listings(tickers_dim: pl.DataFrame, asset_class: str) -> pl.DataFrame:
    """Return the listings of a class: ticker, exchange, first and last day, from when they and their end were known.

    A listing ends with its row, with its delisting, or when the ticker's next row begins. A row that was published when
    its listing had ended replaced the one of its beginning: the listing was known all along (null), its end from
    `known_at` on. Any other row counts from its `known_at` on, so that a ticker that a vendor adds later changes no
    earlier universe.
    """
    rows = tickers_dim.sort("ticker", "valid_from", "known_at").unique(
        ["ticker", "valid_from"], keep="last", maintain_order=True
    )
    following = pl.col("valid_from").shift(-1).over("ticker")
    is_told_late = (pl.col("known_at").dt.date() > pl.col("_stops")).fill_null(value=False)
    return (
        rows.with_columns(_stops=pl.min_horizontal("valid_to", "delisted_on"), _following=following)
        .with_columns(
            _begins=pl.max_horizontal("valid_from", "ipo_date"),
            _ends=pl.min_horizontal("_stops", pl.col("_following") - pl.duration(days=1)),
            _known_from=pl.when(~is_told_late).then("known_at"),
            _end_known=pl.when(is_told_late & pl.col("_following").is_null()).then("known_at"),
        )
        .filter(pl.col("asset_class") == asset_class)
        .select(_LISTING)
    )


def listed_bars(bars: pl.DataFrame, listed: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return the bars that close within a session for which their ticker was listed, with session, n_tickers, n_listed.

    Parameters
    ----------
    bars : ticker, ts_close, seq and any other columns.
    listed : as `listings` returns them.
    sessions : rows of reference.sessions.

    Returns
    -------
    The bars, ordered by (ts_close, ticker, seq); `n_tickers` counts those with the same close, `n_listed` the tickers
    that were listed on their exchanges, with a bar or without one.
    """
    calendar = sessions.select("exchange", "session", "open", "close").sort("close")
    found = (
        bars.join(listed, on="ticker")
        .sort("ts_close")
        .join_asof(
            calendar, left_on="ts_close", right_on="close", by="exchange", strategy="forward", check_sortedness=False
        )
        .filter(
            pl.col("open") < pl.col("ts_close"),
            pl.col("_begins") <= pl.col("session"),
            pl.col("_ends").is_null() | (pl.col("session") <= pl.col("_ends")),
            pl.col("_known_from").is_null() | (pl.col("_known_from") <= pl.col("open")),
        )
    )
    closes = found.select("ts_close", "exchange", "session", "open").unique()
    sizes = (
        closes.join(_sizes(closes, listed), on=["exchange", "session"])
        .group_by("ts_close")
        .agg(pl.col("n_listed").sum())
    )
    return (
        found.join(sizes, on="ts_close")
        .with_columns(n_tickers=pl.col("ticker").n_unique().over("ts_close").cast(pl.Int64))
        .drop("exchange", "open", "close", "_begins", "_ends", "_known_from", "_end_known", strict=False)
        .sort("ts_close", "ticker", "seq")
    )


def _sizes(closes: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """Return exchange, session, n_listed of the sessions in `closes`."""
    empty = pl.DataFrame(schema={"exchange": pl.String, "session": pl.Date, "n_listed": pl.Int64})
    parts = [empty]
    for (exchange,), part in closes.partition_by("exchange", as_dict=True).items():
        days = part.group_by("session").agg(pl.col("open").first()).sort("session")
        session, opened = days["session"].to_numpy(), days["open"].to_numpy()
        here = listed.filter(pl.col("exchange") == exchange)
        # a listing counts from the first session by which it has begun and was known, to its last, or the last by which
        # nobody knew of its end
        known = here["_known_from"].fill_null(days["open"].min()).to_numpy()
        first = np.maximum(np.searchsorted(session, here["_begins"].to_numpy()), np.searchsorted(opened, known))
        after = np.searchsorted(session, here["_ends"].fill_null(days["session"].max()).to_numpy(), side="right")
        after = np.maximum(after, np.searchsorted(opened, here["_end_known"].fill_null(days["open"].min()).to_numpy()))
        lasts = first < after
        change = np.zeros(len(session) + 1, dtype=np.int64)
        np.add.at(change, first[lasts], 1)
        np.add.at(change, after[lasts], -1)
        sizes = pl.Series("n_listed", np.cumsum(change)[:-1], dtype=pl.Int64)
        parts.append(days.select(pl.lit(exchange).alias("exchange"), "session").with_columns(sizes))
    return pl.concat(parts)
