"""Unadjusted minute bars as the vendor reported them."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tsis.core.table import Table, Timestamp, column


class Ohlcv1m(Table, key=("ticker", "ts", "source", "known_at"), time="ts", partition="month"):
    """Unadjusted minute bars as the vendor reported them."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    ts: Timestamp = column("UTC", "Start of the bar")
    ts_close: Timestamp = column("UTC", "End of the bar")
    open: float = column("quote", "First price", gt=0)
    high: float = column("quote", "Highest price", gt=0)
    low: float = column("quote", "Lowest price", gt=0)
    close: float = column("quote", "Last price", gt=0)
    volume: float = column("units", "Quantity traded", ge=0)
    vwap: float = column("quote", "Volume-weighted average price, null where the vendor has none", nullable=True, gt=0)
    n_trades: int = column("count", "Number of trades, null where the vendor has none", nullable=True, ge=0)
    source: str = column("name", "Source that delivered the row")
    is_synthetic: bool = column("flag", "True where the row was generated rather than observed")
    is_deleted: bool = column("flag", "True where the vendor withdrew the row; a scan then omits it")
    known_at: Timestamp = column(
        "UTC",
        "Publication by the vendor, else the end of the row plus the declared delay",
    )

    @pa.dataframe_check(name="low <= open, close <= high")
    def _prices_are_ordered(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        body_low, body_high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
        return data.lazyframe.select((pl.col("low") <= body_low) & (pl.col("high") >= body_high))
