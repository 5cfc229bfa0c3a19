"""The trading sessions of every exchange, from its calendar."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class Sessions(Table, key=("exchange", "session"), time="open"):
    """The trading sessions of every exchange, from its calendar."""

    exchange: str = column("MIC", "Exchange")
    session: pl.Date = column("date", "Label of the session")
    open: Timestamp = column("UTC", "First moment of the session")
    close: Timestamp = column("UTC", "Last moment of the session")
    is_half_day: bool = column("flag", "True where the exchange closes early")
