"""What a model is asked about: the features at t0 of every event with a side, labelled or not."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class EventFeatures(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year", wide=True):
    """What a model is asked about: the features at t0 of every event with a side, labelled or not."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known; the row is known from then on")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    side: pl.Int8 = column("sign", "The primary model's side", isin=[-1, 1])
