"""What a model learns from: the features at t0, the label, its window and its weight."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class Dataset(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year", wide=True):
    """What a model learns from: the features at t0, the label, its window and its weight."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    t1: Timestamp = column("UTC", "End of the label's window")
    side: pl.Int8 = column("sign", "The primary model's side", isin=[-1, 1])
    label: pl.Int8 = column("flag", "1 where acting on the side paid", isin=[0, 1])
    ret_frac: float = column("frac", "Return of the side over the window")
    average_uniqueness: float = column(
        "frac", "Mean of 1 / concurrency over the window (AFML 4.2); what time decay counts by", gt=0, le=1
    )
    sample_weight: float = column(
        "weight", "average_uniqueness or return_attribution by params; normalised on each training fold only", gt=0
    )
