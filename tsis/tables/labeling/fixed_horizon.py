"""Return over a fixed horizon; an event whose horizon has not been reached has no row."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class FixedHorizon(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """Return over a fixed horizon; an event whose horizon has not been reached has no row."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    t1: Timestamp = column("UTC", "Close of the bar at the horizon; the label is known from then on")
    t1_seq: int = column("count", "Sequence number of the bar that closed at t1", ge=0)
    label: pl.Int8 = column(
        "sign", "Sign of ret_frac; 0 where its size does not exceed threshold_frac", isin=[-1, 0, 1]
    )
    ret_frac: float = column("frac", "Return from t0 to t1")
    threshold_frac: float = column("frac", "What a return must exceed in size to count", ge=0)
