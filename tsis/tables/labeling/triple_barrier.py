"""What became of each event; an event whose window has not ended has no row."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class TripleBarrier(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """What became of each event; an event whose window has not ended has no row."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    t1: Timestamp = column("UTC", "When the first barrier was touched; the label is known from then on")
    t1_seq: int = column("count", "Sequence number of the bar that closed at t1", ge=0)
    label: pl.Int8 = column(
        "sign", "Sign of ret_frac; 0 where the vertical barrier came first and the rule says zero", isin=[-1, 0, 1]
    )
    ret_frac: float = column("frac", "Return from t0 to t1 times the side (times +1 where there is none)")
    barrier: str = column("enum", "Which barrier came first", isin=["profit_taking", "stop_loss", "vertical"])
    pt: float = column("multiples of target", "Distance of the profit-taking barrier, 0 where it is off", ge=0)
    sl: float = column("multiples of target", "Distance of the stop-loss barrier, 0 where it is off", ge=0)
