"""What is asked at the moment of a decision and of no event of the past: is it fresh, and is the exchange open."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from tsis.core.ticker_sessions import ticker_sessions

_EVENT = ["ticker", "bar_spec", "t0", "seq"]


def of_this_moment(
    setups: pl.DataFrame, sessions: pl.DataFrame, tickers_dim: pl.DataFrame, now: datetime, max_age: timedelta
) -> pl.DataFrame:
    """Return the setups, held back where they come too late or while their exchange is closed.

    The rules `is_fresh` and `in_session` join the checklist, and what is said of them the reason.

    Parameters
    ----------
    setups : rows of signals.setups.
    sessions, tickers_dim : rows of the reference tables.
    now : when they are decided on.
    max_age : a bar that closed longer ago is stale: its next open is past.
    """
    if setups.is_empty():
        return setups
    tickers = setups["ticker"].unique().sort()
    opens = pl.concat(
        [
            ticker_sessions(sessions, tickers_dim, name).select(pl.lit(name).alias("ticker"), "open", "close")
            for name in tickers
        ]
    )
    inside = (
        setups.select(*_EVENT)
        .sort("t0")
        .join_asof(opens.sort("open"), left_on="t0", right_on="open", by="ticker", check_sortedness=False)
        .with_columns((pl.col("t0") <= pl.col("close")).fill_null(value=False).alias("in_session"))
        .unique(_EVENT)
        .select(*_EVENT, "in_session")
    )
    is_fresh = pl.lit(now) - pl.col("t0") <= max_age
    judged = setups.join(inside, on=_EVENT, how="left", maintain_order="left").with_columns(is_fresh.alias("is_fresh"))
    told = {
        "is_fresh": f"stale: the bar closed more than {max_age.total_seconds():g} s before",
        "in_session": "outside of the session",
    }
    texts = [pl.when(~pl.col(name)).then(pl.lit(text)) for name, text in told.items()]
    rules = [pl.format(f'"{name}": {{}}', pl.col(name).cast(pl.String)) for name in told]
    reason = pl.when(pl.col("reason") != "").then("reason")
    return judged.with_columns(
        pl.concat_str([pl.col("checklist").str.strip_suffix("}"), *rules], separator=", ") + "}",
        pl.concat_str([reason, *texts], separator="; ", ignore_nulls=True).alias("reason"),
        pl.when(pl.all_horizontal(list(told))).then("action").otherwise(pl.lit("HOLD")).alias("action"),
    ).select(setups.columns)
