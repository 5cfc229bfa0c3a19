"""LEAN's map files (which symbol, until when) and factor files (cumulative factors, until when) as reference tables."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import polars as pl

from tsis.core.errors import DataError
from tsis.core.table import TableSpec
from tsis.sources.protocol import REJECTED, Batch
from tsis.sources.times import sessions
from tsis.sources.typed import table_spec
from tsis.sources.venues import venues

_MIC = {"N": "XNYS", "Q": "XNAS", "P": "ARCX", "A": "XASE", "Z": "BATS"}
_FOREVER = date(2050, 1, 1)
_FIRST, _LAST = date(1990, 1, 1), date(2049, 12, 31)
_ETFS = {"SPY"}  # the files do not tell a fund from a share


class _Span(NamedTuple):
    """A symbol of one company and the days on which it held."""

    ticker: str
    first: date
    last: date
    mic: str


class _Factor(NamedTuple):
    """The cumulative factors of the days up to `last`, and the close of that day."""

    last: date
    price: float
    split: float
    reference: float


def tickers_dim(root: Path, chosen: set[str]) -> Iterator[Batch]:
    """Yield every symbol that the companies of the map files had.

    A row is known from its first day, open-ended; its end is a revision known on the day after. LEAN's first date is
    where its data begin, not the listing, so ``ipo_date`` is null.
    """
    table = table_spec("reference.tickers_dim")
    rows = []
    for _, spans in _companies(root, chosen):
        for span in spans:
            fact: dict[str, object] = {
                "ticker": span.ticker,
                "name": span.ticker,
                "exchange": span.mic,
                "asset_class": "etf" if span.ticker in _ETFS else "equity",
                "currency": "USD",
                "is_delisted": False,
                "tick_size": 0.01,
                "lot_size": 1.0,
                "multiplier": 1.0,
                "valid_from": span.first,
                "known_at": _midnight(span.first),
            }
            rows.append(fact)
            if span.last < _FOREVER:
                is_last = span is spans[-1]
                over: dict[str, object] = {"valid_to": span.last, "known_at": _midnight(span.last + timedelta(days=1))}
                gone: dict[str, object] = {"is_delisted": True, "delisted_on": span.last} if is_last else {}
                rows.append(fact | over | gone)
    yield _batch(table, rows, "map_files")


def exchanges_dim(root: Path, chosen: set[str]) -> Iterator[Batch]:
    """Yield the exchanges that the map files name."""
    mics = {span.mic for _, spans in _companies(root, chosen) for span in spans}
    yield Batch("reference.exchanges_dim", venues(mics), REJECTED.to_frame(), 0, "map_files")


def corporate_actions(root: Path, chosen: set[str]) -> Iterator[Batch]:
    """Yield splits and dividends from the factor files and symbol changes from the map files.

    A factor row holds until its date, so that the action is in force from the next session. Split ratio: the next
    row's split factor over this one's, taken as the nearest p/q with q ≤ 20 if that is within 1e-5 (the factors have
    7 digits). Dividend: ``reference price · (1 - price factor / next price factor)``, rounded to 1e-4, which is what
    7 digits carry, per share as before a split of the same day. The ticker is the company's on the ex-date.
    """
    table = table_spec("reference.corporate_actions")
    rows: list[dict[str, object]] = []
    for name, spans in _companies(root, chosen):
        path = root / "factor_files" / name
        for now, following in itertools.pairwise(_factors(path) if path.is_file() else []):
            ex_date = _next_session(now.last)
            ticker = next((span.ticker for span in spans if span.first <= ex_date <= span.last), path.stem.upper())
            if now.split != following.split:
                rows.append(_action(ticker, ex_date, "split", ratio=_ratio(following.split / now.split)))
            if now.price != following.price:
                amount = round(now.reference * (1 - now.price / following.price), 4)
                rows.append(_action(ticker, ex_date, "dividend", amount=amount))
        for old, new in itertools.pairwise(spans):
            if old.ticker != new.ticker:  # the same symbol on another exchange is no action
                rows.append(_action(old.ticker, _next_session(old.last), "symbol_change", successor=new.ticker))
    yield _batch(table, rows, "factor_files, map_files")


def _spans(path: Path) -> list[_Span]:
    """Read a map file: each line is a symbol and its last day, the first line only where it begins."""
    lines = _lines(path)
    spans: list[_Span] = []
    first = _day(lines[0][0], path)
    for line in lines[1:]:
        last, ticker = _day(line[0], path), line[1].upper()
        mic = _MIC.get(line[2].strip(), "XXXX") if len(line) > 2 else "XXXX"  # the third field is the exchange
        if last >= first:
            spans.append(_Span(ticker, first, last, mic))
        first = last + timedelta(days=1)
    return spans


def _factors(path: Path) -> list[_Factor]:
    try:
        return [_Factor(_day(line[0], path), *map(float, line[1:4])) for line in _lines(path)]
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path} has a line that is not date, price factor, split factor, close: fetch it again"
        ) from error


def _companies(root: Path, chosen: set[str]) -> list[tuple[str, list[_Span]]]:
    """Return the file name and the symbols of each company that has, or once had, a chosen ticker."""
    names = {path.name for folder in ("map_files", "factor_files") for path in (root / folder).glob("*.csv")}
    companies = []
    for name in sorted(names):
        path = root / "map_files" / name
        spans = _spans(path) if path.is_file() else []
        if not chosen or chosen & {path.stem, *(span.ticker.lower() for span in spans)}:
            companies.append((name, spans))
    return companies


def _lines(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in csv.reader(stream) if line]
    if not lines or min(len(line) for line in lines) < 2:  # a date and one value
        raise DataError(f"{path} is empty or has a line of fewer than 2 fields: fetch it again")
    return lines


def _day(text: str, path: Path) -> date:
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise DataError(f"{path}: {text!r} is no date of the form 20131007; fetch it again") from error


def _next_session(day: date) -> date:
    """Return the session after `day`."""
    # one span for all days, so that the calendar is built once
    days = sessions("XNYS", pl.Series([_FIRST, max(_LAST, day + timedelta(days=14))]))["session"]
    return cast(date, days[days.search_sorted(day, side="right")])


def _ratio(factor: float) -> float:
    nearest = float(Fraction(factor).limit_denominator(20))
    return nearest if abs(factor / nearest - 1) < 1e-5 else round(factor, 6)


def _action(ticker: str, ex_date: date, kind: str, **values: object) -> dict[str, object]:
    fixed = {"ticker": ticker, "ex_date": ex_date, "kind": kind, "source": "lean", "is_deleted": False}
    return fixed | values | {"known_at": _midnight(ex_date)}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _batch(table: TableSpec, rows: list[dict[str, object]], origin: str) -> Batch:
    frame = pl.DataFrame(rows, schema=table.polars_schema, orient="row").unique(table.key, keep="last").sort(table.key)
    return Batch(table.name, frame, REJECTED.to_frame(), 0, origin)
