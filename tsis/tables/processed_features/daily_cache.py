"""One row a ticker and session: how the day was, and the adjustment factors."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class DailyCache(Table, key=("ticker", "date"), time="ts_close", partition="year"):
    """One row a ticker and session: how the day was, and the adjustment factors."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    date: pl.Date = column("date", "Session")
    ts_close: Timestamp = column("UTC", "Close of the session, when the row is known")
    open_d: float = column("quote", "Unadjusted open", gt=0)
    high_d: float = column("quote", "Unadjusted high", gt=0)
    low_d: float = column("quote", "Unadjusted low", gt=0)
    close_d: float = column("quote", "Unadjusted close", gt=0)
    vol_d: float = column("units", "Quantity traded", ge=0)
    pctchg_d: float = column(
        "frac", "Change of the split-adjusted close against the session before; null on the first", nullable=True
    )
    dollar_vol_d: float = column("quote", "Close times volume times multiplier", ge=0)
    rvol30: float = column(
        "ratio",
        "Volume over the mean of the 30 sessions before, split-adjusted; null until there are 30",
        nullable=True,
        ge=0,
    )
    gap_frac: float = column(
        "frac", "Split-adjusted open against the close of the session before; null on the first", nullable=True
    )
    float_rotation: float = column(
        "ratio", "Volume over freely traded shares; null where no source has them", nullable=True, ge=0
    )
    intraday_volatility: float = column("frac", "(high - low) / open", ge=0)
    info_score: int = column(
        "points",
        "0 to 5: one point for each threshold that the day reaches; an unknown quantity scores none",
        ge=0,
        le=5,
    )
    split_factor: float = column(
        "ratio", "Shares held today per share held on the first date: price times factor is comparable over time", gt=0
    )
    dividend_factor: float = column("ratio", "Growth of a holding by reinvested dividends since the first date", gt=0)
