"""The intervals of the sessions in which nothing was traded."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.bars.session_grid import session_intervals
from tsis.core.bar_spec import parse_bar_spec
from tsis.core.errors import DataError

_ZERO: tuple[str, ...] = ("volume", "dollar_volume", "n_ticks")
_ZERO_WHERE_KNOWN: tuple[str, ...] = ("buy_volume", "sell_volume", "n_buys", "n_sells", "imbalance")


def with_empty_intervals(bars: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return time bars and, for each interval of a session that has none, a row without volume at the last price.

    For whoever needs a regular grid; the lake keeps no such rows, because they observe nothing. A row so made is known
    at its end. It has the close, price_factor and last raw row of the bar before, n_ticks 0, no vwap, and 0 for what
    only trades tell where that bar knows it. There is none before the first bar or after the last, none outside
    sessions, and none in an interval that a bar overlaps.

    Parameters
    ----------
    bars : rows of information_bars of one ticker and one time bar shorter than a day.
    sessions : rows of reference.sessions of its exchange; intervals count from the open and are cut at the close.

    Returns
    -------
    rows sorted by ts_close.

    Raises
    ------
    DataError
        If bars are of several series or not of such a specification, or sessions overlap.
    """
    rows = bars.sort("ts_close")
    if rows.is_empty():
        return rows
    _, starts, ends = session_intervals(sessions, interval_us(rows))
    before = bars_before(rows, starts)
    is_made = (before > 0) & (ends <= rows["ts_close"].cast(pl.Int64).to_numpy()[-1]) & ~is_traded(rows, starts, ends)
    time = rows.schema["ts_close"]
    last: pl.DataFrame = rows[before[is_made] - 1]
    made = last.with_columns(
        pl.Series("ts_open", starts[is_made]).cast(time),
        pl.Series("ts_close", ends[is_made]).cast(time),
        *(pl.col("close").alias(name) for name in ("open", "high", "low")),
        *(pl.lit(0).cast(rows.schema[name]).alias(name) for name in _ZERO),
        *(pl.col(name) * 0 for name in _ZERO_WHERE_KNOWN),
        pl.col("raw_ts_last").alias("raw_ts_first"),
        pl.col("raw_seq_last").alias("raw_seq_first"),
        vwap=pl.lit(None).cast(rows.schema["vwap"]),
    )
    return pl.concat([rows, made]).sort("ts_close")


def interval_us(bars: pl.DataFrame) -> int:
    """Return the interval of a series of time bars in microseconds.

    Raises
    ------
    DataError
        If `bars` are of several series, or not of a time bar shorter than a day.
    """
    series = bars.select("ticker", "bar_spec").unique().sort("ticker", "bar_spec").rows()
    bar = parse_bar_spec(series[0][1])
    if len(series) > 1 or bar.kind != "time" or bar.threshold >= 86_400.0:
        raise DataError(
            f"information_bars: {len(series)} series (first: {series[0][0]} {bar.name}); pass one, of a time bar "
            "shorter than a day"
        )
    return round(bar.threshold * 1e6)


def bars_before(bars: pl.DataFrame, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of the bars, sorted by ts_close, end by each of `starts`."""
    return np.searchsorted(bars["ts_close"].cast(pl.Int64).to_numpy(), starts, side="right")


def is_traded(bars: pl.DataFrame, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether a bar overlaps each interval; bars sorted by ts_close and without overlap."""
    begun = np.searchsorted(bars["ts_open"].cast(pl.Int64).to_numpy(), ends, side="left")
    return begun > bars_before(bars, starts)
