"""What quotes and trades within a bar say of its market."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class BarMicrostructure(Table, key=("ticker", "bar_spec", "ts_close", "seq"), time="ts_close", partition="bar_spec"):
    """What the quotes and trades within a bar say; known at its close. A bar of which they say nothing has no row."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    ts_close: Timestamp = column("UTC", "Close of the bar; the row is known from then on")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    spread_bps: float = column(
        "bps",
        "Quoted spread over the midpoint, mean over the time of the bar at which a fresh quote stood; null without one",
        nullable=True,
        ge=0,
    )
    spread_close_bps: float = column(
        "bps", "The same at the close of the bar; null where no fresh quote stands", nullable=True, ge=0
    )
    bid_size: float = column("units", "Quantity bid at the close of the bar, as quoted", nullable=True, ge=0)
    ask_size: float = column("units", "Quantity offered at the close of the bar, as quoted", nullable=True, ge=0)
    depth_imbalance: float = column(
        "frac", "(bid_size - ask_size) / (bid_size + ask_size) at the close of the bar", nullable=True, ge=-1, le=1
    )
    order_flow: float = column(
        "units",
        "Order-flow imbalance of Cont, Kukanov and Stoikov (2014), summed over the quotes of the bar; null without a "
        "fresh quote or where a quantity is missing",
        nullable=True,
    )
    n_quotes: int = column("count", "Quotes after the bar's open and not after its close", ge=0)
    trade_size_entropy: float = column(
        "bits",
        "Shannon entropy of the sizes of the bar's trades in classes [2^k, 2^(k+1)); null in bars without trades",
        nullable=True,
        ge=0,
    )
