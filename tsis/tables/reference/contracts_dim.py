"""The contracts of each futures product and when they expire."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class ContractsDim(Table, key=("ticker", "known_at")):
    """The contracts of each futures product and when they expire."""

    ticker: str = column("symbol", "Contract, as in tickers_dim, such as ESU3")
    product: str = column("symbol", "Product whose contracts follow one another, such as ES")
    expires_on: pl.Date = column("date", "Last session on which the contract trades")
    known_at: Timestamp = column(
        "UTC",
        "Publication by the vendor, else the end of the row plus the declared delay",
    )
