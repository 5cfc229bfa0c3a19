"""Which side each rule strategy had at each event, whoever raised it."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class StrategySides(Table, key=("ticker", "bar_spec", "t0", "seq", "rule"), time="t0", partition="year"):
    """Which side each rule strategy had at each event, whoever raised it; known at t0."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    rule: str = column("name", "Name of the strategy in params.yaml")
    side: pl.Int8 = column("sign", "Its side at that close: +1 long, -1 short, 0 none", isin=[-1, 0, 1])
