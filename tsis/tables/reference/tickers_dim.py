"""The instruments and their history: a symbol change or a delisting adds a row (type 2)."""

from __future__ import annotations

import polars as pl

from tsis.core.instrument import ASSET_CLASSES
from tsis.core.table import Table, Timestamp, column


class TickersDim(Table, key=("ticker", "valid_from", "known_at")):
    """The instruments and their history: a symbol change or a delisting adds a row (type 2)."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    name: str = column("text", "Name of the instrument")
    exchange: str = column("MIC", "Primary exchange")
    asset_class: str = column("enum", "Class that selects parameters", isin=list(ASSET_CLASSES))
    currency: str = column("ISO 4217", "Currency of its price")
    sector: str = column("name", "Sector, null where none applies", nullable=True)
    ipo_date: pl.Date = column("date", "First listing, null where unknown", nullable=True)
    is_delisted: bool = column("flag", "True once it no longer trades")
    delisted_on: pl.Date = column("date", "Last day of trading, null while it trades", nullable=True)
    shares_outstanding: float = column(
        "shares", "Shares outstanding, null where no source has them", nullable=True, ge=0
    )
    float_shares: float = column("shares", "Freely traded shares, null where no source has them", nullable=True, ge=0)
    tick_size: float = column("quote", "Smallest price change", gt=0)
    lot_size: float = column("units", "Smallest quantity", gt=0)
    multiplier: float = column("quote per point per unit", "Value of one price point of one unit", gt=0)
    valid_from: pl.Date = column("date", "First day on which the row holds")
    valid_to: pl.Date = column("date", "Last day on which the row holds, null while it does", nullable=True)
    known_at: Timestamp = column(
        "UTC",
        "Publication by the vendor, else the end of the row plus the declared delay",
    )
