"""Reads vendors' times: formats, time zones, the hours that a change of clocks skips or repeats, and sessions."""

from __future__ import annotations

import functools
import re
import zoneinfo
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl

from tsis.bars.sessions import calendar_sessions
from tsis.core.errors import UnknownNameError

Ambiguous = Literal["reject", "earliest", "latest"]
UTC_US = pl.Datetime("us", "UTC")
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}  # microseconds in a unit; ns are divided
_OFFSET = r":\d{2}[^Z+-]*(Z|[+-]\d{2}:?\d{2})$"


@dataclass(frozen=True)
class TimeRule:
    """How a vendor writes its times.

    Parameters
    ----------
    timezone : IANA zone of times that carry no offset.
    time_format : strftime pattern, or ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns``; None reads ISO 8601.
    ambiguous : what becomes of a local time that occurs twice when clocks go back. ``reject`` by default, because
        either guess moves half of the rows by an hour.
    """

    timezone: str = "UTC"
    time_format: str | None = None
    ambiguous: Ambiguous = "reject"

    def __post_init__(self) -> None:
        """Refuse a zone that does not exist."""
        if self.timezone not in zoneinfo.available_timezones():
            raise UnknownNameError("time zone", self.timezone, zoneinfo.available_timezones())

    def utc(self, raw: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
        """Return the time in UTC, null where it can't be read, and the reason for which it can't, null where it can."""
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            return raw.dt.convert_time_zone("UTC").dt.cast_time_unit("us"), _unless(raw.is_not_null(), "missing")
        text = raw.cast(pl.String).str.strip_chars()
        is_missing = (text.is_null() | (text == "")).fill_null(value=True)
        naive, offset_us = self._naive(raw, text, dtype)
        local = self._localised(naive, self.ambiguous)
        value = pl.when(offset_us.is_null()).then(local).otherwise(naive.dt.replace_time_zone("UTC"))
        value = value - pl.duration(microseconds=offset_us.fill_null(0), time_unit="us")
        reason = (
            pl.when(is_missing)
            .then(pl.lit("missing"))
            .when(naive.is_null())
            .then(pl.format("not a time: '{}'", text))
            .when(value.is_null() & self._localised(naive, "earliest").is_null())
            .then(pl.format(f"'{{}}' does not exist in {self.timezone}: clocks skip it (DST gap)", text))
            .when(value.is_null())
            .then(pl.format(f"'{{}}' occurs twice in {self.timezone} (DST fold): say which with ambiguous", text))
        )
        return value, reason

    def _localised(self, naive: pl.Expr, ambiguous: Ambiguous) -> pl.Expr:
        fold: Any = "null" if ambiguous == "reject" else ambiguous
        local = naive.dt.replace_time_zone(self.timezone, ambiguous=fold, non_existent="null")
        return local.dt.convert_time_zone("UTC")

    def _naive(self, raw: pl.Expr, text: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
        """Return the time as written and its UTC offset in microseconds, null where none is written."""
        no_offset = pl.lit(None, pl.Int64)
        if isinstance(dtype, pl.Datetime):
            return raw.dt.cast_time_unit("us"), no_offset
        if isinstance(dtype, pl.Date):
            return raw.cast(pl.Datetime("us")), no_offset
        if self.time_format in _EPOCHS or self.time_format == "epoch_ns":
            # whole numbers keep microseconds exact; fractions of a second pass through a float
            number = raw if dtype.is_integer() else text
            whole, fraction = number.cast(pl.Int64, strict=False), number.cast(pl.Float64, strict=False)
            per = _EPOCHS.get(self.time_format, 0)
            scaled = whole * per if per else whole // 1_000
            rounded = (fraction * per if per else fraction / 1_000).round().cast(pl.Int64, strict=False)
            return pl.coalesce(scaled, rounded).cast(pl.Datetime("us")), pl.lit(0, pl.Int64)
        if self.time_format is not None:
            if "%z" in self.time_format:
                aware = text.str.to_datetime(self.time_format, time_unit="us", time_zone="UTC", strict=False)
                return aware.dt.replace_time_zone(None), pl.lit(0, pl.Int64)
            if not re.search(r"%[HIMSsTRr]", self.time_format):
                return text.str.to_date(self.time_format, strict=False).cast(pl.Datetime("us")), no_offset
            return text.str.to_datetime(self.time_format, time_unit="us", strict=False), no_offset
        return _iso(text)


def _iso(text: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    written = text.str.extract(_OFFSET, 1)
    digits = written.str.replace_all(r"[^0-9]", "")
    minutes = digits.str.slice(0, 2).cast(pl.Int64, strict=False) * 60 + digits.str.slice(2, 2).cast(
        pl.Int64, strict=False
    )
    signed = pl.when(written.str.starts_with("-")).then(-minutes).otherwise(minutes)
    offset = pl.when(written == "Z").then(pl.lit(0, pl.Int64)).otherwise(signed * 60_000_000)
    plain = (
        pl.when(written.is_null())
        .then(text)
        .otherwise(text.str.replace(r"(Z|[+-]\d{2}:?\d{2})$", "").str.strip_chars())
        .str.replace("T", " ", literal=True)
    )
    formats = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
    times = [plain.str.to_datetime(pattern, time_unit="us", strict=False) for pattern in formats]
    return pl.coalesce(*times, plain.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))), offset


def _unless(is_fine: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(~is_fine).then(pl.lit(reason))


def sessions(calendar: str, dates: pl.Series) -> pl.DataFrame:
    """Return ``session`` (date), ``open`` and ``close`` (UTC) of an exchange calendar over the years of `dates`.

    Raises
    ------
    UnknownNameError
        If exchange_calendars has no such calendar.
    """
    first, last = dates.min(), dates.max()
    if first is None or last is None:
        return pl.DataFrame(schema={"session": pl.Date, "open": UTC_US, "close": UTC_US})
    return _sessions(calendar, int(str(first)[:4]), int(str(last)[:4]))


@functools.lru_cache(maxsize=16)
def _sessions(calendar: str, first_year: int, last_year: int) -> pl.DataFrame:
    found = calendar_sessions(calendar, date(first_year, 1, 1), date(last_year, 12, 31))
    return found.select("session", "open", "close")
