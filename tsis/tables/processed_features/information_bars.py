"""Bars by time and by information, of all series; prices are forward-adjusted by price_factor."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tsis.core.table import Table, Timestamp, column


class InformationBars(Table, key=("ticker", "bar_spec", "ts_close", "seq"), time="ts_close", partition="bar_spec"):
    """Bars by time and by information, of all series; prices are forward-adjusted by price_factor."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column(
        "name", "time_1m, session_1h, tick_N, volume_N, dollar_N, tib_N, drb_N, range_X, …: what closes a bar"
    )
    ts_open: Timestamp = column("UTC", "First trade, or start of a time bar")
    ts_close: Timestamp = column(
        "UTC", "Trade that closed the bar, or end of a time bar; the bar is known from then on"
    )
    seq: int = column("count", "Sequence number of the closing trade at its time; 0 for time bars", ge=0)
    open: float = column("quote", "First price", gt=0)
    high: float = column("quote", "Highest price", gt=0)
    low: float = column("quote", "Lowest price", gt=0)
    close: float = column("quote", "Last price", gt=0)
    volume: float = column("units", "Quantity traded; over the split factor, as prices are times it", ge=0)
    dollar_volume: float = column("quote", "Sum of price times size times multiplier", ge=0)
    n_ticks: int = column("count", "Number of trades; 1 where a vendor's bar has no count", ge=0)
    vwap: float = column(
        "quote", "Volume-weighted average price; null without volume or where a vendor's bar has none", nullable=True
    )
    buy_volume: float = column(
        "units",
        "Volume of buyer-initiated trades, as vendor, quotes or tick rule say; null without trades",
        nullable=True,
        ge=0,
    )
    sell_volume: float = column("units", "Volume of seller-initiated trades; null without trades", nullable=True, ge=0)
    n_buys: int = column("count", "Buyer-initiated trades; null without trades", nullable=True, ge=0)
    n_sells: int = column("count", "Seller-initiated trades; null without trades", nullable=True, ge=0)
    imbalance: float = column("units", "buy_volume - sell_volume; null without trades", nullable=True)
    threshold: float = column(
        "spec",
        "What closed the bar: trades, units, quote currency, seconds, points; or the expected imbalance or run",
        ge=0,
    )
    price_factor: float = column(
        "ratio", "Forward adjustment that the prices carry: price / price_factor is the price as traded", gt=0
    )
    raw_table: str = column(
        "name",
        "Table of the raw rows of the bar",
        isin=["raw.trades", "raw.ohlcv_1m", "raw.ohlcv_1h", "raw.ohlcv_daily"],
    )
    raw_ts_first: Timestamp = column("UTC", "Time of its first raw row")
    raw_seq_first: int = column("count", "seq of its first raw row", ge=0)
    raw_ts_last: Timestamp = column("UTC", "Time of its last raw row")
    raw_seq_last: int = column("count", "seq of its last raw row", ge=0)

    @pa.dataframe_check(name="low <= open, close <= high")
    def _prices_are_ordered(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        body_low, body_high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
        return data.lazyframe.select((pl.col("low") <= body_low) & (pl.col("high") >= body_high))
