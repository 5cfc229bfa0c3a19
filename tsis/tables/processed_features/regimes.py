"""The market regimes of each series, one after the other without a hole: one row each."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column

_LATER = "null while it lasts. Not known before ts_end"


class Regimes(Table, key=("ticker", "bar_spec", "ts_start", "seq"), time="ts_start", partition="year"):
    """The market regimes of each series, one after the other without a hole: one row each.

    A row is known from ts_start on, but for its end. The regime of a bar is that of the last row that starts at the bar
    or before.
    """

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    ts_start: Timestamp = column("UTC", "Close of its first bar; the regime is known from then on")
    seq: int = column("count", "Sequence number of that bar, for bars that close at the same time", ge=0)
    regime: str = column(
        "enum",
        "What the feature trend_regime says; undefined where it is null, and then every strategy that heeds regimes "
        "holds back",
        isin=["trend_up", "trend_down", "range", "undefined"],
    )
    ts_end: Timestamp = column(
        "UTC", f"Close of the first bar after it, which starts the next; {_LATER}", nullable=True
    )
    n_bars: int = column("count", f"Bars of it, that of ts_end not counted; {_LATER}", nullable=True, ge=1)
