"""Which adjustment holds for a raw row."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

_BEFORE_CLOSE: Final = timedelta(hours=12)


def with_factors(rows: pl.DataFrame, known_at: str, daily_cache: pl.DataFrame) -> pl.DataFrame:
    """Return `rows`, sorted by `known_at`, with the columns split_factor and price_factor that hold at that time.

    price_factor = split_factor * dividend_factor: a price times it is comparable over time, dividends reinvested.
    split_factor alone divides quantities, which a dividend does not change. A session's factors hold from 12 hours
    before its close, between the evening trades of the session before and its own morning trades. Both are 1 before
    the first session of `daily_cache`, and the last ones hold after its end.

    Parameters
    ----------
    rows : raw rows of one ticker, sorted by `known_at`.
    known_at : the time of a trade, or of a bar's close.
    daily_cache : the sessions of that ticker.
    """
    factors = daily_cache.sort("ts_close").select(
        (pl.col("ts_close") - _BEFORE_CLOSE).alias("factor_from"),
        "split_factor",
        (pl.col("split_factor") * pl.col("dividend_factor")).alias("price_factor"),
    )
    joined = rows.join_asof(factors, left_on=known_at, right_on="factor_from", check_sortedness=False)
    return joined.with_columns(pl.col("split_factor", "price_factor").fill_null(1.0)).drop("factor_from")
