"""A QuantConnect LEAN data folder of US equities: trades, quotes, bars, map files and factor files.

Prices are stored times 10,000, times are New York's. Intraday files count milliseconds from midnight on the clock;
hour and day files write the time. A file is named after the ticker as it traded at the time, and so are the rows.

What LEAN's own minute bars do with its ticks was found from IBM and BAC of 7 to 11 October 2013 and is tested in
tests/unit/sources/test_lean_minutes.py. Volume counts every trade except the official open and close (conditions
4000000 and 1000000, hexadecimal) and other venues' auctions; prices are those of regular trades (condition 1) and the
primary exchange's auctions in the session, and of every trade outside it. No trade of these files is flagged
suspicious. Ticks are delivered unfiltered.

Minute quotes are not read: the house has no table of quote bars.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import Field

from tsis.core.errors import DataError, UnknownNameError
from tsis.core.names import is_ticker
from tsis.core.params import Params
from tsis.sources.delimited import Chunk, text_chunks
from tsis.sources.lean_reference import corporate_actions, exchanges_dim, tickers_dim
from tsis.sources.protocol import Batch, Source, coalesced
from tsis.sources.times import TimeRule
from tsis.sources.typed import Typing, parse, table_spec


@dataclass(frozen=True)
class _Layout:
    """One kind of file: its folder below equity/usa, the pattern of its name, its columns in order, and its bars."""

    folder: str
    pattern: str
    columns: tuple[str, ...]
    bar_s: float | None = None
    calendar: str | None = None


_OHLCV = ("ts", "open", "high", "low", "close", "volume")
_LAYOUTS = {
    "raw.ohlcv_daily": _Layout("daily", "{ticker}.zip", _OHLCV, calendar="XNYS"),
    "raw.ohlcv_1h": _Layout("hour", "{ticker}.zip", _OHLCV, bar_s=3600.0),
    "raw.ohlcv_1m": _Layout("minute", "{ticker}/*_trade.zip", _OHLCV, bar_s=60.0),
    "raw.trades": _Layout(
        "tick", "{ticker}/*_trade.zip", ("ts", "price", "size", "exchange", "conditions", "is_suspicious")
    ),
    "raw.quotes": _Layout(
        "tick",
        "{ticker}/*_quote.zip",
        ("ts", "bid", "bid_size", "ask", "ask_size", "exchange", "conditions", "is_suspicious"),
    ),
}
_REFERENCE = {
    "reference.exchanges_dim": exchanges_dim,
    "reference.tickers_dim": tickers_dim,
    "reference.corporate_actions": corporate_actions,
}


class LeanRequest(Params):
    """Which part of a LEAN data folder."""

    path: Annotated[str, Field(description="The LEAN data folder: the one that contains equity/usa")]
    tickers: Annotated[tuple[str, ...], Field(description="Tickers to deliver; all where it is left out")] = ()
    tables: Annotated[tuple[str, ...], Field(description="Tables to deliver; all where it is left out")] = ()
    delay_s: Annotated[float, Field(description="From the end of a row to its being known, in seconds", ge=0)] = 0.0


def batches(request: LeanRequest) -> Iterator[Batch]:
    """Check the request, then return an iterator over its tables, reference tables first.

    ``known_at`` of a row is its end plus the delay, of a corporate action the start of its ex-date in UTC, since the
    files do not say when it was announced.

    Raises
    ------
    DataError
        If the folder is not one of LEAN's, or, on reading, if an archive is damaged.
    UnknownNameError
        If a ticker or table is not in it.
    """
    root = Path(request.path).expanduser() / "equity" / "usa"
    if not root.is_dir():
        raise DataError(f"{request.path} is no LEAN data folder: it has no equity/usa")
    known = {file.stem for file in root.glob("*/*.*")} | {folder.name for folder in root.glob("*/*") if folder.is_dir()}
    for ticker in request.tickers:
        if ticker.lower() not in known:
            raise UnknownNameError(f"ticker in {root}", ticker, {name.upper() for name in known})
    for table in request.tables:
        if table not in {**_REFERENCE, **_LAYOUTS}:
            raise UnknownNameError("table of a LEAN folder", table, {**_REFERENCE, **_LAYOUTS})
    return coalesced(_read(root, request, sorted(known)))


def _read(root: Path, request: LeanRequest, known: list[str]) -> Iterator[Batch]:
    chosen = {ticker.lower() for ticker in request.tickers}
    for name, read in _REFERENCE.items():
        if not request.tables or name in request.tables:
            yield from read(root, chosen)
    for name, layout in _LAYOUTS.items():
        for ticker in (ticker for ticker in known if not request.tables or name in request.tables):
            if chosen and ticker not in chosen:
                continue
            for path in sorted((root / layout.folder).glob(layout.pattern.format(ticker=ticker))):
                yield from _file(path, ticker.upper(), name, layout, request.delay_s)


def _file(path: Path, ticker: str, table: str, layout: _Layout, delay_s: float) -> Iterator[Batch]:
    if not is_ticker(ticker):
        raise DataError(f"{path}: {ticker!r} can't be a ticker; rename or remove the file")
    spec = table_spec(table)
    typing = Typing(
        table=spec,
        columns={name: name for name in layout.columns if name in spec.columns},
        constants={"ticker": ticker, "source": "lean", "is_synthetic": False},
        decimals=dict.fromkeys(("open", "high", "low", "close", "price", "bid", "ask"), 4),
        times=TimeRule("America/New_York", None if layout.folder in ("tick", "minute") else "%Y%m%d %H:%M"),
        calendar=layout.calendar,
        bar_s=layout.bar_s,
        delay_s=delay_s,
    )
    origin = "/".join(path.parts[-3:]) if layout.folder in ("tick", "minute") else "/".join(path.parts[-2:])
    last_ts: dict[str, datetime] = {}
    for chunk in _chunks(path, layout):
        batch = parse(chunk, typing, origin, last_ts)
        if not batch.rows.is_empty():
            last_ts[ticker] = batch.rows["ts"][-1]
        yield batch


def _chunks(path: Path, layout: _Layout) -> Iterator[Chunk]:
    """Read the archive's CSV; add the day of the file's name to its times, and null a side that a quote lacks."""
    day = re.match(r"\d{8}", path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise DataError(f"{path} contains {len(names)} files, expected 1: {', '.join(names[:5])}")
            if archive.getinfo(names[0]).file_size == 0:
                return
            with archive.open(names[0]) as stream:
                for chunk in text_chunks(stream, str(path), ",", layout.columns, has_header=False):
                    frame = chunk.frame
                    if day is not None:
                        frame = frame.with_columns(ts=_clock(day.group(), frame["ts"]))
                    if "bid" in layout.columns:
                        frame = frame.with_columns(
                            pl.when(pl.col(side) != "0").then(name).alias(name)
                            for side in ("bid", "ask")
                            for name in (side, f"{side}_size")
                        )
                    yield Chunk(frame, chunk.row, chunk.malformed)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise DataError(f"{path} can't be read to its end (truncated or damaged?): {error}; fetch it again") from error


def _clock(day: str, milliseconds: pl.Series) -> pl.Series:
    """Return what the clock on the wall shows; as text, with what is no number left as it is, if there is any."""
    midnight = datetime.strptime(day, "%Y%m%d")  # noqa: DTZ007  the zone comes with the rule
    count = milliseconds.cast(pl.Int64, strict=False)
    clock = (count * 1_000).cast(pl.Duration("us")) + midnight
    if not count.null_count():
        return clock
    return clock.dt.strftime("%Y-%m-%d %H:%M:%S%.6f").fill_null(milliseconds)


LEAN = Source(
    name="lean",
    description="A QuantConnect LEAN data folder: US equity ticks, minute, hour and daily bars, map and factor files",
    request=LeanRequest,
    batches=batches,
)
