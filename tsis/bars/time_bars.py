"""Time bars of several intervals in one pass over the trades of one ticker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.bars.session_grid import Grid, session_grid
from tsis.bars.trade_bars import Ticks, bar_rows
from tsis.core.bar_spec import BarSpec
from tsis.core.errors import DataError, UsageError
from tsis.core.table import spec
from tsis.kernels import bars as one_interval
from tsis.kernels import time_bars as kernel
from tsis.tables.processed_features.information_bars import InformationBars

_ROWS_A_CALL: Final = 8_192
_DAY_S: Final = 86_400.0


def time_bars(
    trades: Ticks,
    bars: Sequence[BarSpec],
    ticker: str,
    multiplier: float,
    state: NDArray[np.float64],
    over_until_us: float,
) -> pl.DataFrame:
    """Return the complete time bars of all specifications on the grid of the epoch, as rows of information_bars.

    Each equals what `trade_bars` makes of that specification alone, bit for bit; the trades are read once for all, and
    the open bars stay in `state`. A day is a UTC date here. Intervals without trades have no row: see
    `with_empty_intervals`.

    Parameters
    ----------
    trades : in order of time.
    bars : time bars, each once.
    state : `kernels.time_bars.initial_state` of their number, or what an earlier call left; changed in place.
    over_until_us : microseconds since the epoch up to which time is known to have passed without a further trade;
        bars that end by then are complete.

    Returns
    -------
    rows sorted by (bar_spec, ts_close).

    Raises
    ------
    DataError
        If trades are not in order of time.
    UsageError
        If a specification is no time bar, or is there twice.
    """
    return _of_grid(trades, bars, _intervals(bars), kernel.EPOCH, ticker, multiplier, state, over_until_us)


def session_time_bars(
    trades: Ticks,
    bars: Sequence[BarSpec],
    sessions: pl.DataFrame,
    ticker: str,
    multiplier: float,
    state: NDArray[np.float64],
    over_until_us: float,
) -> pl.DataFrame:
    """Return the complete time bars of all specifications on the grid of the exchange's sessions.

    The first bar of a session begins at its open, be that 9:30, and the last one ends at its close, on half days too:
    it may be shorter than its specification. ``time_1d`` is the whole session, however long. A bar holds the trades in
    [start, end); trades outside all sessions are in none, such as closing auctions printed after the close: pass
    sessions with a later close to have them. A session without trades has no bar.

    Parameters
    ----------
    trades, bars, state, over_until_us : as in `time_bars`.
    sessions : rows of reference.sessions of the ticker's exchange (`ticker_sessions`), in any order.

    Returns
    -------
    rows of information_bars sorted by (bar_spec, ts_close); ts_open and ts_close are start and end of the bar.

    Raises
    ------
    DataError
        If trades are not in order of time, or sessions overlap.
    UsageError
        If a specification is no time bar, or is there twice.
    """
    whole = np.array([bar.threshold == _DAY_S for bar in bars], bool)
    intervals = np.where(whole, kernel.WHOLE_SESSION, _intervals(bars))
    return _of_grid(trades, bars, intervals, session_grid(sessions), ticker, multiplier, state, over_until_us)


def _intervals(bars: Sequence[BarSpec]) -> NDArray[np.int64]:
    strangers = [bar.name for bar in bars if bar.kind not in ("time", "session")]
    if strangers or len({bar.name for bar in bars}) < len(bars):
        raise UsageError(
            f"time bars take each time_<n><s|m|h|d> once, not {', '.join(strangers or (bar.name for bar in bars))}"
        )
    return np.array([round(bar.threshold * 1e6) for bar in bars], np.int64)


def _of_grid(
    trades: Ticks,
    bars: Sequence[BarSpec],
    intervals: NDArray[np.int64],
    grid: Grid,
    ticker: str,
    multiplier: float,
    state: NDArray[np.float64],
    over_until_us: float,
) -> pl.DataFrame:
    if not bars:
        return spec(InformationBars).empty()
    backwards = np.flatnonzero(np.diff(trades.ts_us) < 0)
    if backwards.size:
        raise DataError(f"trades of {ticker}: {backwards.size:,} go back in time (first: row {backwards[0] + 1:,})")
    found = []
    out = np.empty((_ROWS_A_CALL + len(bars), len(kernel.OUT_COLUMNS)))
    for taken, price_factor, size_factor in trades.stretches():
        position = 0
        while position < taken[0].size:
            ts, seq, price, size, side = taken
            consumed, written = kernel.fold_time_bars(
                ts[position:],
                seq[position:],
                price[position:],
                size[position:],
                side[position:],
                intervals,
                *grid,
                multiplier,
                price_factor,
                size_factor,
                state,
                out,
            )
            found.append(out[:written].copy())
            position += consumed
    if over_until_us > -math.inf:
        found.append(out[: kernel.close_until(int(over_until_us), state, out)].copy())
    rows = np.concatenate(found) if found else out[:0]
    which = rows[:, 0].astype(np.int64)
    names = pl.Series([bar.name for bar in bars], dtype=pl.String).gather(which)
    thresholds = pl.Series(np.array([bar.threshold for bar in bars])[which])
    made = bar_rows(rows[:, 1:], one_interval.OUT_COLUMNS, ticker, names, thresholds)
    return made.sort("bar_spec", "ts_close")
