"""Which adjustment holds for a raw row."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

BEFORE_CLOSE: Final = timedelta(hours=12)
"""From when before its close a session's factors hold: between the trades of the evening before and its own."""


def with_factors(
    rows: pl.DataFrame, known_at: str, daily_cache: pl.DataFrame, before: tuple[float, float] = (1.0, 1.0)
) -> pl.DataFrame:
    """Return `rows`, sorted by `known_at`, with the columns split_factor and price_factor that hold at that time.

    price_factor = split_factor * dividend_factor: a price times it is comparable over time, dividends reinvested.
    split_factor alone divides quantities, which a dividend does not change. A session's factors hold from
    `BEFORE_CLOSE`, and the last ones hold after its end.

    Parameters
    ----------
    rows : raw rows of one ticker, sorted by `known_at`.
    known_at : the time of a trade, or of a bar's close.
    daily_cache : the sessions of that ticker, sorted by ts_close.
    before : split_factor and price_factor before the first session of `daily_cache`.
    """
    if daily_cache.is_empty():
        return rows.with_columns(split_factor=pl.lit(before[0]), price_factor=pl.lit(before[1]))
    factors = daily_cache.select(
        (pl.col("ts_close") - BEFORE_CLOSE).alias("factor_from"),
        "split_factor",
        (pl.col("split_factor") * pl.col("dividend_factor")).alias("price_factor"),
    )
    joined = rows.join_asof(factors, left_on=known_at, right_on="factor_from", check_sortedness=False)
    return joined.with_columns(
        pl.col("split_factor").fill_null(before[0]), pl.col("price_factor").fill_null(before[1])
    ).drop("factor_from")


def last_factors(daily_cache: pl.DataFrame, before: tuple[float, float]) -> tuple[float, float]:
    """Return split_factor and price_factor after the last session of `daily_cache`, `before` where it has none."""
    if daily_cache.is_empty():
        return before
    last = daily_cache.row(-1, named=True)
    return last["split_factor"], last["split_factor"] * last["dividend_factor"]
