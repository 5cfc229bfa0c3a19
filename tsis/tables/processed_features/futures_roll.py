"""Which contract of a futures product is held from when on, and the price gaps between them."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class FuturesRoll(Table, key=("product", "held_from"), time="held_from", partition="year"):
    """Which contract of a futures product is held from when on, and the price gaps between them."""

    product: str = column("symbol", "Product whose contracts follow one another")
    held_from: Timestamp = column(
        "UTC", "Close of the session that decided; the row is known then, and holds for what comes later"
    )
    decided_on: pl.Date = column("date", "Session whose volumes decided")
    ticker: str = column("symbol", "Contract held from then on")
    previous: str = column("symbol", "Contract held before, null on the first row", nullable=True)
    volume: float = column("units", "Volume of the contract on decided_on", gt=0)
    previous_volume: float = column(
        "units",
        "Volume of the contract before on decided_on, 0 without trades; null on the first row",
        nullable=True,
        ge=0,
    )
    compared_on: pl.Date = column(
        "date",
        "Last session by decided_on on which both closed, whose closes give the gap; null where there is none, and on "
        "the first row",
        nullable=True,
    )
    gap_quote: float = column("quote", "Close of the contract minus close of the one before; 0 on the first row")
    gap_ratio: float = column("ratio", "Close of the contract over close of the one before; 1 on the first row", gt=0)
    cum_gap_quote: float = column("quote", "Sum of the gaps so far: price minus it is continuous over rolls")
    cum_gap_ratio: float = column("ratio", "Product of the ratios so far: price over it is continuous over rolls", gt=0)
