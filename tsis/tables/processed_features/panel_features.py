"""Where each ticker stands among those that close with it: rank and z-score of each chosen feature."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class PanelFeatures(
    Table, key=("ticker", "bar_spec", "ts_close", "seq"), time="ts_close", partition="bar_spec", wide=True
):
    """Where each ticker stands among those that close with it: rank and z-score of each chosen feature."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    ts_close: Timestamp = column(
        "UTC", "Close of the bar, common to all that are compared; the row is known from then on"
    )
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    session: pl.Date = column("date", "Session in which the bar closes")
    n_tickers: int = column("count", "Tickers of the universe that have a bar with this close", ge=1)
    n_listed: int = column("count", "Tickers of the universe: listed on the exchanges that have such bars", ge=1)
