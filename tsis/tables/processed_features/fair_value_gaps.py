"""One row a fair value gap, by timeframe and direction, and when it was touched, filled or inverted."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tsis.core.table import Table, Timestamp, column

_LATER = "; null where that was not by the end of the data. Not known before that time"


class FairValueGaps(
    Table,
    key=("ticker", "bar_spec", "timeframe", "direction", "ts_created", "number"),
    time="ts_created",
    partition="year",
):
    """One row a fair value gap, by timeframe and direction, and when it was touched, filled or inverted.

    A row is known from ts_created on, but for the times of what came later: each of them is known from itself on. As of
    a time t, read the rows with ts_created <= t, and take later times than t as null.
    """

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification of the series that the timeframe's bars are made of")
    timeframe: str = column("name", "M and minutes, H and hours, or D1, the session")
    direction: str = column("enum", "Whether price left it upwards or downwards", isin=["bullish", "bearish"])
    ts_created: Timestamp = column(
        "UTC", "Close of the bar of the series with which the third bar was seen to be complete; the row is known then"
    )
    number: int = column("count", "Running number of the gap in its series, timeframe and direction, from 1", ge=1)
    seq: int = column("count", "Sequence number of that bar of the series", ge=0)
    top: float = column("quote", "Upper edge, in the forward-adjusted prices of the bars", gt=0)
    bottom: float = column("quote", "Lower edge, likewise", gt=0)
    size_atr: float = column("ATR", "Top minus bottom over the timeframe's ATR at ts_created", gt=0)
    displacement_atr: float = column(
        "ATR", "Body of the middle bar in the gap's direction over the ATR, 0 where it went the other way", ge=0
    )
    volume_ratio: float = column(
        "ratio", "Volume of the middle bar over its mean; null where there is none yet", nullable=True, ge=0
    )
    is_with_trend: bool = column(
        "flag", "True where the third bar closed beyond the EMA; null where there is no EMA yet", nullable=True
    )
    is_in_session: bool = column(
        "flag",
        "True where the middle bar closed in the hours of the session; null where they are unknown",
        nullable=True,
    )
    quality: float = column("frac", "Score of these: see the feature family fair_value_gap for its formula", ge=0, le=1)
    ts_touched: Timestamp = column("UTC", f"Close of the first bar that traded in it{_LATER}", nullable=True)
    ts_filled: Timestamp = column("UTC", f"Close of the bar that traded at its far edge{_LATER}", nullable=True)
    ts_inverted: Timestamp = column(
        "UTC", f"When the timeframe's bar that filled it was seen to close beyond it{_LATER}", nullable=True
    )
    ts_dropped: Timestamp = column(
        "UTC",
        f"When newer gaps took its place among those that are followed: nothing later is told of it{_LATER}",
        nullable=True,
    )

    @pa.dataframe_check(name="bottom <= top")
    def _edges_are_ordered(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("bottom") <= pl.col("top"))
