"""Where the windows of events lie in the bars of their series."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.errors import DataError

LONGEST_S: Final = 1e10
"""Horizons in seconds are at most three hundred years."""


def bars_of(rows: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """Return the bars of the one series that `rows` (at least one) are of, sorted by (ts_close, seq)."""
    ticker, bar_spec = rows.select("ticker", "bar_spec").row(0)
    return bars.filter((pl.col("ticker") == ticker) & (pl.col("bar_spec") == bar_spec)).sort("ts_close", "seq")


def start_positions(rows: pl.DataFrame, bars: pl.DataFrame) -> NDArray[np.int64]:
    """Return the row number in `bars` of the bar on which each of `rows` (t0, seq) is known.

    Parameters
    ----------
    rows, bars : of one series; bars sorted by (ts_close, seq).

    Raises
    ------
    DataError
        If a row has no bar, or the bars are unsorted or not unique.
    """
    return _positions(rows, bars, "t0", "seq")


def end_positions(rows: pl.DataFrame, bars: pl.DataFrame) -> NDArray[np.int64]:
    """Return the row number in `bars` of the bar (t1, t1_seq) that ended each of `rows`.

    Parameters
    ----------
    rows, bars : of one series; bars sorted by (ts_close, seq).

    Raises
    ------
    DataError
        If a row has no bar, or the bars are unsorted or not unique.
    """
    return _positions(rows, bars, "t1", "t1_seq")


def horizon(
    closes_us: NDArray[np.int64], start: NDArray[np.int64], n_bars: int | None, seconds: float | None
) -> NDArray[np.int64]:
    """Return the bar at which a window ends at the latest; one at or beyond the number of bars has not come.

    Parameters
    ----------
    closes_us : (n,) when the bars close, sorted.
    start : (m,) first bars.
    n_bars : so many bars after the first; None for no such end.
    seconds : the first bar that closes at least that long after the first, and after it in any case; None for no such
        end. The earlier of both holds.
    """
    end = np.full(start.size, np.iinfo(np.int64).max)
    if n_bars is not None:
        end = start + n_bars
    if seconds is not None:
        due = closes_us[start] + max(round(seconds * 1e6), 1)
        end = np.minimum(end, np.searchsorted(closes_us, due, side="left"))
    return end


def microseconds(times: pl.Series) -> NDArray[np.int64]:
    """Return UTC times as microseconds since the epoch."""
    return times.cast(pl.Int64).to_numpy()


def require_ordered(bars: pl.DataFrame) -> None:
    """Refuse bars that are not in the order of (ts_close, seq), each once.

    Raises
    ------
    DataError
        With the number of rows that are not after the one before.
    """
    times, seq = microseconds(bars["ts_close"]), bars["seq"].to_numpy()
    is_after = (times[1:] > times[:-1]) | ((times[1:] == times[:-1]) & (seq[1:] > seq[:-1]))
    if not is_after.all():
        first = bars.row(int(np.argmin(is_after)) + 1, named=True)
        raise DataError(
            f"labeling: {np.count_nonzero(~is_after):,} of {bars.height:,} bars are not after the one before (first: "
            f"ts_close={first['ts_close'].isoformat()}, seq={first['seq']}); pass the bars of one series, each once, "
            "sorted by (ts_close, seq)"
        )


def require_targets(events: pl.DataFrame) -> None:
    """Refuse events whose target is missing, not a finite number, or not above zero: their barriers have no width.

    Raises
    ------
    DataError
        With the number of events and the first.
    """
    bad = events.filter(~((pl.col("target") > 0) & pl.col("target").is_finite()).fill_null(value=False))
    if not bad.is_empty():
        first = bad.row(0, named=True)
        raise DataError(
            f"labeling: {bad.height:,} of {events.height:,} events have no volatility above zero to scale by (first: "
            f"t0={first['t0'].isoformat()}, target={first['target']}); drop the events of the warm-up"
        )


def _positions(rows: pl.DataFrame, bars: pl.DataFrame, time: str, seq: str) -> NDArray[np.int64]:
    require_ordered(bars)
    bar_times, bar_seq = microseconds(bars["ts_close"]), bars["seq"].to_numpy()
    wanted_times, wanted_seq = microseconds(rows[time]), rows[seq].to_numpy()
    found = np.searchsorted(bar_times, wanted_times, side="left")
    n = bar_times.size
    # several bars may close at one time: walk to the one of that seq
    behind = np.flatnonzero(found < n)
    while behind.size:
        at = found[behind]
        is_behind = (bar_times[at] == wanted_times[behind]) & (bar_seq[at] < wanted_seq[behind])
        behind = behind[is_behind]
        found[behind] += 1
        behind = behind[found[behind] < n]
    inside = np.minimum(found, n - 1)
    is_lost = (found >= n) | (bar_times[inside] != wanted_times) | (bar_seq[inside] != wanted_seq) if n else found >= n
    if is_lost.any():
        first = rows.row(int(np.argmax(is_lost)), named=True)
        raise DataError(
            f"labeling: {np.count_nonzero(is_lost):,} of {rows.height:,} rows of {first['ticker']} {first['bar_spec']} "
            f"have no bar (first: {time}={first[time].isoformat()}, seq={first[seq]}); run information_bars and events "
            "again"
        )
    return found
