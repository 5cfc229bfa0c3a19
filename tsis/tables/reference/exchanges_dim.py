"""The exchanges and their calendars."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class ExchangesDim(Table, key=("mic", "known_at")):
    """The exchanges and their calendars."""

    mic: str = column("MIC", "ISO 10383 market identifier code")
    name: str = column("text", "Name of the exchange")
    timezone: str = column("IANA", "Local time zone")
    calendar: str = column("name", "Calendar in exchange_calendars")
    known_at: Timestamp = column(
        "UTC",
        "Publication by the vendor, else the end of the row plus the declared delay",
    )
