"""The float of a ticker, as it was known at the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
_LAST_OF_DAY: Final = timedelta(days=1, microseconds=-1)


def with_float_shares(rows: pl.DataFrame, facts: pl.DataFrame, day: str, moment: str) -> pl.DataFrame:
    """Return `rows` with the column float_shares: that of the day, as far as it was known by the moment; else null.

    A row of tickers_dim counts from its first day on, but not before it is known (`known_at`): until then the float of
    the row before it goes on. One that was published when its last day was over replaced the one of its beginning, and
    counts all along.

    Parameters
    ----------
    rows : any rows of the ticker, with neither float_shares nor columns of tickers_dim.
    facts : rows of reference.tickers_dim of the ticker.
    day, moment : columns of `rows`: their date, and the time (UTC) at which they are known.
    """
    told_late = (pl.col("known_at").dt.date() > pl.col("valid_to")).fill_null(value=False)
    begins = pl.col("valid_from").cast(pl.Datetime("us", "UTC"))
    following = pl.col("valid_from").shift(-1)
    replaced = (following <= pl.col("valid_to") + pl.duration(days=1)).fill_null(value=False)
    held = (
        facts.lazy()
        .sort("valid_from", "known_at")
        .unique("valid_from", keep="last", maintain_order=True)
        .with_columns(
            _from=pl.when(told_late).then(begins).otherwise(pl.max_horizontal(begins, "known_at")),
            _until=pl.when(~replaced).then("valid_to"),
        )
        # a later row that is known sooner replaces this one at once
        .filter(pl.col("_from") < pl.col("_from").reverse().cum_min().reverse().shift(-1, fill_value=_NEVER))
        .select("_from", "_until", "float_shares")
    )
    seen = pl.min_horizontal(pl.col(moment), pl.col(day).cast(pl.Datetime("us", "UTC")) + _LAST_OF_DAY)
    stamped = rows.lazy().with_columns(_seen=seen)
    found = stamped.join_asof(held, left_on="_seen", right_on="_from", check_sortedness=False)
    holds = pl.col("_until").is_null() | (pl.col(day) <= pl.col("_until"))
    return found.with_columns(float_shares=pl.when(holds).then("float_shares")).drop("_seen", "_until").collect()
