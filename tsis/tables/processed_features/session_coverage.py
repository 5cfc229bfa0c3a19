"""How much of each session was traded, by intervals of time bars."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class SessionCoverage(Table, key=("ticker", "bar_spec", "session"), time="ts_close", partition="year"):
    """How much of each session was traded, by intervals of time bars."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Time bar whose intervals are counted")
    session: pl.Date = column("date", "Label of the session")
    ts_close: Timestamp = column("UTC", "Close of the session, when the row is known")
    is_half_day: bool = column("flag", "True where the exchange closes early")
    n_intervals: int = column("count", "Intervals from open to close; the last may be cut short", gt=0)
    n_empty: int = column("count", "Intervals without a trade, which have no row in information_bars", ge=0)
    n_longest_empty: int = column("count", "Most intervals in a row without a trade", ge=0)
