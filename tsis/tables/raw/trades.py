"""Every trade as the vendor reported it."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Trades(Table, key=("ticker", "ts", "seq", "source", "known_at"), time="ts", partition="date"):
    """Every trade as the vendor reported it."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    ts: Timestamp = column("UTC", "Time of the trade")
    seq: int = column("count", "Order of trades of one ticker at the same time, from 0", ge=0, le=2**53)
    price: float = column("quote", "Price", gt=0)
    size: float = column("units", "Quantity", gt=0)
    side: str = column("enum", "Aggressor, where the vendor says", isin=["buy", "sell", "unknown"])
    conditions: str = column("code", "The vendor's condition codes, null where none", nullable=True)
    exchange: str = column("code", "Venue of the trade as the vendor codes it, null where none", nullable=True)
    is_suspicious: bool = column("flag", "True where the vendor marks the trade as not to be used for prices")
    source: str = column("name", "Source that delivered the row")
    is_synthetic: bool = column("flag", "True where the row was generated rather than observed")
    is_deleted: bool = column("flag", "True where the vendor withdrew the row; a scan then omits it")
    known_at: Timestamp = column(
        "UTC",
        "Publication by the vendor, else the end of the row plus the declared delay",
    )
