"""The moments at which a decision is considered."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class Events(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """The moments at which a decision is considered."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    kind: str = column(
        "name",
        "Event filter or strategy that raised it; where several fired, the first in params.yaml, filters before "
        "strategies",
    )
    side: pl.Int8 = column(
        "sign", "The primary model's side, +1 or -1; null where there is none", nullable=True, isin=[-1, 1]
    )
    target: float = column("frac", "Volatility at t0 that scales the barriers", gt=0)
