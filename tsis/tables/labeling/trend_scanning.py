"""The most significant trend that followed each event; one whose longest window has not ended has no row."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class TrendScanning(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """The most significant trend that followed each event; one whose longest window has not ended has no row."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    t1: Timestamp = column(
        "UTC", "End of the longest window, not of the chosen one: which trend is strongest is known from then on"
    )
    t1_seq: int = column("count", "Sequence number of the bar that closed at t1", ge=0)
    label: pl.Int8 = column("sign", "Sign of t_value; 0 where its size is below the least", isin=[-1, 0, 1])
    t_value: float = column("ratio", "t-value of the slope of the closes over the chosen window; largest in size")
    n_bars: int = column("count", "Bars in the chosen window, the event's included", ge=1)
    ret_frac: float = column("frac", "Return from t0 to the end of the chosen window")
