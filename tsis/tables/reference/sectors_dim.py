"""The sectors that tickers belong to."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class SectorsDim(Table, key=("sector", "known_at")):
    """The sectors that tickers belong to."""

    sector: str = column("name", "Short name of the sector")
    description: str = column("text", "What it covers")
    known_at: Timestamp = column(
        "UTC",
        "Publication by the vendor, else the end of the row plus the declared delay",
    )
