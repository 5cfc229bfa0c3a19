"""What a live session reads: the raw rows of a ticker as they come, and what else its stages need."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import polars as pl


class Feed(Protocol):
    """Gives the rows of one ticker, and tells whether earlier ones have changed."""

    def rows(self, ticker: str, after: datetime | None, until: datetime | None) -> Mapping[str, pl.DataFrame]:
        """Return the arguments of the stages: raw rows with after < known ≤ until, tables without a time whole."""

    def identity(self, ticker: str) -> str:
        """Return a digest of what the states depend on beside the rows: code, parameters, tables without a time."""

    def inputs(self, ticker: str, until: datetime) -> str:
        """Return what was read, as JSON: with it `is_revised` can tell later whether rows known by `until` changed."""

    def is_revised(self, ticker: str, inputs: str, until: datetime) -> bool:
        """Tell whether rows known by `until` are others than `inputs` says: late, corrected or deleted ones."""


RAW = ("trades", "quotes", "ohlcv_1m", "ohlcv_1h", "ohlcv_daily")


def known_until(rows: Mapping[str, pl.DataFrame]) -> datetime | None:
    """Return the latest time at which one of the raw rows was known, None where there is none."""
    times = [rows[name]["ts_close" if "ts_close" in rows[name].columns else "ts"].max() for name in RAW]
    return max((moment for moment in times if isinstance(moment, datetime)), default=None)
