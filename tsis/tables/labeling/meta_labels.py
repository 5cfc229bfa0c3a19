"""Whether acting on the primary side paid."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class MetaLabels(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """Whether acting on the primary side paid."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    t1: Timestamp = column("UTC", "When the label became known")
    side: pl.Int8 = column("sign", "The primary model's side", isin=[-1, 1])
    label: pl.Int8 = column("flag", "1 where the return of the side was positive", isin=[0, 1])
