"""Which tickers of a session did best and worst for their volatility."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class TailSets(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """Which tickers of a session did best and worst for their volatility."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar from which the return is taken")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    t1: Timestamp = column("UTC", "Close to which it is taken, of the whole universe; the row is known from then on")
    label: pl.Int8 = column("sign", "+1 in the upper tail, -1 in the lower, 0 between", isin=[-1, 0, 1])
    ret_frac: float = column("frac", "Return from t0 to t1")
    volatility_frac: float = column("frac", "Volatility per bar, known at t0, that divides the return", gt=0)
    n_tickers: int = column("count", "Tickers that were compared", ge=1)
