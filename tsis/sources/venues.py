"""The venues that the sources know, by market identifier code."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from tsis.core.table import spec
from tsis.tables.reference.exchanges_dim import ExchangesDim

_VENUES = {
    "ARCX": ("NYSE Arca", "America/New_York", "XNYS"),
    "BATS": ("Cboe BZX Exchange", "America/New_York", "XNYS"),
    "FXSP": ("Spot foreign exchange, over the counter (a code of this house)", "UTC", "24/5"),
    "XASE": ("NYSE American", "America/New_York", "XNYS"),
    "XCME": ("Chicago Mercantile Exchange, Globex", "America/Chicago", "CMES"),
    "XNAS": ("Nasdaq", "America/New_York", "XNYS"),
    "XNYS": ("New York Stock Exchange", "America/New_York", "XNYS"),
    "XXXX": ("US exchange that the vendor does not name", "America/New_York", "XNYS"),
}
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""`known_at` of facts that do not change with time."""


def venues(mics: set[str]) -> pl.DataFrame:
    """Return the rows of reference.exchanges_dim for these codes."""
    rows = [(mic, *_VENUES[mic], LONG_AGO) for mic in sorted(mics)]
    return pl.DataFrame(rows, schema=spec(ExchangesDim).polars_schema, orient="row")
