"""One row a bar, one column a registered feature."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Features(Table, key=("ticker", "bar_spec", "ts_close", "seq"), time="ts_close", partition="bar_spec", wide=True):
    """One row a bar, one column a registered feature."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    ts_close: Timestamp = column("UTC", "Close of the bar; every feature is known from then on")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
