"""Entropy of the returns in the window that ends at each bar."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Entropy(Table, key=("ticker", "bar_spec", "ts_close", "seq"), time="ts_close", partition="year"):
    """Entropy of the log returns in the window that ends at each bar; known at its close, null until it is full."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    ts_close: Timestamp = column("UTC", "End of the bar that ends the window; the row is known from then on")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    shannon: float = column("bits", "Shannon entropy a symbol (AFML 18.2)", nullable=True, ge=0)
    plug_in: float = column("bits", "Plug-in entropy a symbol, of words (AFML 18.3)", nullable=True, ge=0)
    lempel_ziv: float = column("frac", "Lempel-Ziv phrases over symbols (AFML 18.4)", nullable=True, ge=0, le=1)
    kontoyiannis: float = column(
        "bits", "Kontoyiannis' entropy a symbol, expanding window (AFML 18.5)", nullable=True, ge=0
    )
