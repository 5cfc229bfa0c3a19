"""Turns vendors' columns into a table's contract; what can't be turned is set aside with its reason. Pure."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from tsis.core.discovery import modules
from tsis.core.errors import UnknownNameError
from tsis.core.names import is_ticker
from tsis.core.table import Table, TableSpec, spec
from tsis.sources.delimited import Chunk
from tsis.sources.protocol import Batch, rejection
from tsis.sources.times import UTC_US, TimeRule, sessions

PROVENANCE = ("source", "is_synthetic", "is_deleted", "known_at")
_DEFAULTS: dict[str, object] = {"side": "unknown", "is_suspicious": False, "is_deleted": False, "is_delisted": False}
_NULL_TEXTS = ("", "null", "na", "n/a", "none")
_SIDES = {"b": "buy", "buy": "buy", "s": "sell", "sell": "sell", "unknown": "unknown", "": "unknown"}
_FLAGS = {"1": True, "true": True, "t": True, "y": True, "yes": True}
_FLAGS |= {"0": False, "false": False, "f": False, "n": False, "no": False}


@dataclass(frozen=True)
class Typing:
    """How one kind of file becomes rows of one table.

    Parameters
    ----------
    table : the contract.
    columns : the table's column → the file's column.
    constants : the table's column → a value for all rows; wins over `columns`.
    decimals : the table's column → how many of its digits are decimals, where a price is written as a whole number.
    times : how times are written.
    calendar : exchange calendar whose session a daily row covers; ``ts`` is then its date.
    bar_s : length of a bar where no column has its end.
    delay_s : from the end of a row to its being known, seconds.
    known_at : when all rows were published; None derives it from the end of each row plus `delay_s`.
    """

    table: TableSpec
    columns: Mapping[str, str]
    constants: Mapping[str, object]
    decimals: Mapping[str, int] = field(default_factory=dict)
    times: TimeRule = field(default_factory=TimeRule)
    calendar: str | None = None
    bar_s: float | None = None
    delay_s: float = 0.0
    known_at: datetime | None = None

    @property
    def end(self) -> str | None:
        """Return the column that says when a row is over: bars close, other rows happen."""
        return next((name for name in ("ts_close", "ts", "ex_date", "valid_from") if name in self.table.columns), None)

    @property
    def given(self) -> set[str]:
        """Return the table's columns that have a value without being derived from others."""
        defaulted = {name for name, column in self.table.columns.items() if column.nullable or name in _DEFAULTS}
        return {*self.columns, *self.constants, *defaulted, "seq"}


@functools.cache
def tables() -> dict[str, TableSpec]:
    """Return every table of the raw and reference zones by its full name."""
    found = {}
    for zone in ("raw", "reference"):
        for module in modules(f"tsis.tables.{zone}"):
            for value in vars(module).values():
                if inspect.isclass(value) and issubclass(value, Table) and value.__module__ == module.__name__:
                    found[spec(value).name] = spec(value)
    return found


def table_spec(name: str) -> TableSpec:
    """Return the contract of ``zone.table``.

    Raises
    ------
    UnknownNameError
        If no raw or reference table has that name.
    """
    if name not in tables():
        raise UnknownNameError("raw or reference table", name, tables())
    return tables()[name]


def parse(chunk: Chunk, typing: Typing, origin: str, last_ts: Mapping[str, datetime]) -> Batch:
    """Type the rows of a chunk. A row that can't be typed is rejected with every reason; none is dropped.

    `last_ts` is each ticker's time in the row before the chunk, for the count of rows out of order.
    """
    frame = chunk.frame.with_columns(chunk.row.alias("__row"))
    values: dict[str, pl.Expr] = {}
    reasons: dict[str, pl.Expr] = {}
    for name, dtype in typing.table.polars_schema.items():
        if name in typing.constants:
            values[name] = pl.lit(typing.constants[name], dtype)
        elif name in typing.columns:
            value, reason = _column(name, typing, chunk.frame.schema[typing.columns[name]], dtype)
            values[name] = value
            if reason is not None:
                reasons[name] = pl.format(f"{name}: {{}}", reason)
        elif name == "seq":
            values[name] = pl.col("__row")
        elif name not in ("ts_close", "known_at"):
            values[name] = pl.lit(_DEFAULTS.get(name), dtype)
    rows = frame.with_columns(**{f"__{name}": value for name, value in values.items()})
    rows = _judged(rows, reasons)
    rows = _known(_closed(_listed(rows, typing), typing), typing)
    is_bad = rows["__reason"] != ""
    good = rows.filter(~is_bad).select(
        pl.col(f"__{name}").cast(dtype).alias(name) for name, dtype in typing.table.polars_schema.items()
    )
    bad = rows.filter(is_bad)
    contents = bad.select(chunk.frame.columns).iter_rows(named=True)
    set_aside = [(row, reason, {"line": text}) for row, reason, text in chunk.malformed]
    set_aside += zip(bad["__row"], bad["__reason"], contents, strict=True)
    return Batch(
        table=typing.table.name,
        rows=good,
        rejected=rejection(origin, sorted(set_aside, key=lambda entry: entry[0])),
        n_out_of_order=n_out_of_order(good, last_ts),
        origin=origin,
        has_vendor_seq="seq" in typing.columns,
    )


def n_out_of_order(rows: pl.DataFrame, last_ts: Mapping[str, datetime]) -> int:
    """Count the rows whose time is before that of the same ticker's row before them."""
    if "ts" not in rows.columns or rows.is_empty():
        return 0
    before = pl.col("ts").shift(1).over("ticker")
    seen = pl.col("ticker").replace_strict(dict(last_ts), default=None, return_dtype=UTC_US)
    return int(rows.select((pl.col("ts") < pl.coalesce(before, seen)).sum()).item())


def _column(name: str, typing: Typing, raw: pl.DataType, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr | None]:
    """Return the value of a column and the reason why it is null where that is a fault; None where it never is."""
    column = pl.col(typing.columns[name])
    if dtype == UTC_US:
        return typing.times.utc(column, raw)
    if dtype == pl.Date:
        value, reason = TimeRule("UTC", typing.times.time_format).utc(column, raw)
        return value.dt.date(), reason
    if dtype == pl.Float64 and raw.is_numeric() and name not in typing.decimals:
        return column.cast(pl.Float64), None
    text = column.cast(pl.String).str.strip_chars()
    known = pl.when(~text.str.to_lowercase().is_in(_NULL_TEXTS)).then(text)
    if dtype == pl.Float64:
        # an exponent, not a division: that would be a product with 0.0001 and miss the nearest float
        written = pl.format(f"{{}}e-{typing.decimals[name]}", known) if name in typing.decimals else known
        number = written.cast(pl.Float64, strict=False)
        return number, _where(known, number, "not a number")
    if dtype.is_integer():
        # "12.0" is a whole number to most vendors
        whole = known.str.replace(r"\.0*$", "").cast(pl.Int64, strict=False)
        return whole, _where(known, whole, "not a whole number")
    if dtype == pl.Boolean:
        flag = known.str.to_lowercase().replace_strict(_FLAGS, default=None, return_dtype=pl.Boolean)
        return pl.when(known.is_null()).then(pl.lit(False)).otherwise(flag), _where(known, flag, "not a flag")
    if name == "side":
        side = text.fill_null("").str.to_lowercase().replace_strict(_SIDES, default=None, return_dtype=pl.String)
        return side, _where(text, side, "not buy, sell or unknown")
    return known, pl.when(known.is_null()).then(pl.lit("missing")) if name == "ticker" else None


def _judged(rows: pl.DataFrame, reasons: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Add ``__reason``: why a row can't be typed, empty where it can."""
    # reasons are long texts: they are made only where a value is missing, else they would be most of the memory
    doubtful = rows.filter(pl.any_horizontal(pl.col(f"__{name}").is_null() for name in reasons)) if reasons else None
    if doubtful is None or doubtful.is_empty():
        return rows.with_columns(__reason=pl.lit(""))
    reason = pl.concat_str(reasons.values(), separator="; ", ignore_nulls=True)
    found = doubtful.select("__row", __reason=reason).filter(pl.col("__reason") != "")
    rows = rows.join(found, on="__row", how="left", maintain_order="left")
    return rows.with_columns(pl.col("__reason").fill_null(""))


def _where(text: pl.Expr, value: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(text.is_not_null() & value.is_null()).then(pl.format(f"{reason}: '{{}}'", text))


def _with_reason(rows: pl.DataFrame, is_bad: pl.Expr, reason: pl.Expr) -> pl.DataFrame:
    added = pl.concat_str(pl.when(pl.col("__reason") != "").then("__reason"), reason, separator="; ", ignore_nulls=True)
    return rows.with_columns(__reason=pl.when(is_bad).then(added).otherwise("__reason"))


def _listed(rows: pl.DataFrame, typing: Typing) -> pl.DataFrame:
    """Reject names that can't be tickers."""
    if "ticker" not in typing.columns:
        return rows
    wrong = [name for name in rows["__ticker"].unique() if name is not None and not is_ticker(name)]
    return _with_reason(
        rows, pl.col("__ticker").is_in(wrong), pl.format("ticker: '{}' can't be a ticker", pl.col("__ticker"))
    )


def _closed(rows: pl.DataFrame, typing: Typing) -> pl.DataFrame:
    """Add the end of each bar: the session's, the vendor's, or the bar's length after its start."""
    if "ts_close" not in typing.table.columns or "__ts_close" in rows.columns:
        return rows
    if typing.calendar is None:
        return rows.with_columns(__ts_close=pl.col("__ts") + pl.duration(microseconds=int((typing.bar_s or 0) * 1e6)))
    # the vendor's date is a label, so it is taken as written, not moved between zones
    day = pl.col("__ts").dt.convert_time_zone(typing.times.timezone).dt.date()
    rows = rows.with_columns(__day=day)
    hours = sessions(typing.calendar, rows["__day"]).rename({"open": "__opened", "close": "__ts_close"})
    rows = rows.join(hours, left_on="__day", right_on="session", how="left", maintain_order="left")
    rows = rows.with_columns(__ts="__opened")
    return _with_reason(
        rows,
        pl.col("__ts").is_null() & pl.col("__day").is_not_null(),
        pl.format(f"ts: {{}} is no session of {typing.calendar}", pl.col("__day")),
    )


def _known(rows: pl.DataFrame, typing: Typing) -> pl.DataFrame:
    """Add the time at which each row was known."""
    if "__known_at" in rows.columns or typing.end is None:
        return rows
    if typing.known_at is not None:
        return rows.with_columns(__known_at=pl.lit(typing.known_at, UTC_US))
    delay = pl.duration(microseconds=round(typing.delay_s * 1e6))
    end = pl.col(f"__{typing.end}")
    if typing.table.polars_schema[typing.end] == pl.Date:
        end = end.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return rows.with_columns(__known_at=end + delay)
