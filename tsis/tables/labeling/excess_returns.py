"""How much better than its universe each ticker did."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class ExcessReturns(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """How much better than its universe each ticker did."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar from which the return is taken")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    t1: Timestamp = column("UTC", "Close to which it is taken, of the whole universe; the row is known from then on")
    ret_frac: float = column("frac", "Return from t0 to t1")
    excess_mean_frac: float = column("frac", "ret_frac less the mean over the universe, itself included")
    excess_median_frac: float = column("frac", "ret_frac less the median over the universe, itself included")
    label_mean: pl.Int8 = column("sign", "Sign of excess_mean_frac", isin=[-1, 0, 1])
    label_median: pl.Int8 = column("sign", "Sign of excess_median_frac", isin=[-1, 0, 1])
    n_tickers: int = column("count", "Tickers that were compared", ge=1)
