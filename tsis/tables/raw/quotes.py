"""Best bid and offer as the vendor reported them; a one-sided message leaves the other side null."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tsis.core.table import Table, Timestamp, column


class Quotes(Table, key=("ticker", "ts", "seq", "source", "known_at"), time="ts", partition="date"):
    """Best bid and offer as the vendor reported them; a one-sided message leaves the other side null."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    ts: Timestamp = column("UTC", "Time of the quote")
    seq: int = column("count", "Order of quotes of one ticker at the same time, from 0", ge=0, le=2**53)
    bid: float = column("quote", "Best bid, null where the message has none", nullable=True, gt=0)
    bid_size: float = column("units", "Quantity bid", nullable=True, ge=0)
    ask: float = column("quote", "Best offer, null where the message has none", nullable=True, gt=0)
    ask_size: float = column("units", "Quantity offered", nullable=True, ge=0)
    exchange: str = column("code", "Venue of the quote as the vendor codes it, null where none", nullable=True)
    is_suspicious: bool = column("flag", "True where the vendor marks the quote as not to be used")
    source: str = column("name", "Source that delivered the row")
    is_synthetic: bool = column("flag", "True where the row was generated rather than observed")
    is_deleted: bool = column("flag", "True where the vendor withdrew the row; a scan then omits it")
    known_at: Timestamp = column(
        "UTC",
        "Publication by the vendor, else the end of the row plus the declared delay",
    )

    @pa.dataframe_check(name="bid <= ask (a crossed quote)")
    def _is_not_crossed(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select((pl.col("bid") <= pl.col("ask")).fill_null(value=True))
