"""Which quotes and trades belong to each bar of a series, and to the one that is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.bar_spec import BarSpec
from tsis.kernels.size_entropy import places

Times = NDArray[np.int64]

_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True)
class Tape:
    """The trades of one ticker in a span of time.

    Parameters
    ----------
    ts_us, seq : of the trades, in order.
    before_us, until_us : the span, without its beginning and with its end; -inf where the series begins.
    """

    ts_us: Times
    seq: Times
    before_us: float
    until_us: float


@dataclass(frozen=True)
class BarWindows:
    """Where the bars of a series lie in the rows of a span, and the bar that is open at its end.

    Parameters
    ----------
    opens, closes : (m,) of the bars, microseconds; the open is NaN where quotes before the span would be needed.
    made_of_trades : (m,) which bars have trades; a vendor's have none.
    firsts, stops : place of the first trade of each of those, and of the one after its last.
    is_begun : the trades before the span since the last bar belong to the first of those; without one to the open bar.
    next_open, next_first : of the open bar: its open, NaN where none is, and the place of its first trade.
    """

    opens: NDArray[np.float64]
    closes: NDArray[np.float64]
    made_of_trades: NDArray[np.bool_]
    firsts: Times
    stops: Times
    is_begun: bool
    next_open: float
    next_first: int


def bar_windows(bars: pl.DataFrame, bar: BarSpec, tape: Tape, sessions: pl.DataFrame, open_us: float) -> BarWindows:
    """Return the windows of a series.

    Parameters
    ----------
    bars : rows of information_bars of one series that close in the span, in order.
    bar : its specification.
    sessions : of the ticker, for bars of sessions.
    open_us : of the bar that was open before the span, as told then; NaN where none was.
    """
    opens, closes = us(bars, "ts_open"), us(bars, "ts_close")
    made = (bars["raw_table"] == "raw.trades").to_numpy()
    own = bars.filter(pl.Series(made))
    first_us = us(own, "raw_ts_first")
    firsts = places(tape.ts_us, tape.seq, first_us, own["raw_seq_first"].to_numpy(writable=True) - 1)
    stops = places(tape.ts_us, tape.seq, us(own, "raw_ts_last"), own["raw_seq_last"].to_numpy(writable=True))
    if bar.kind in ("time", "session"):
        next_open = _interval_start(bar, tape.until_us, sessions)
        next_first = tape.ts_us.size if np.isnan(next_open) else int(np.searchsorted(tape.ts_us, next_open))
        is_begun = bool(first_us[0] <= tape.before_us if own.height else next_open == open_us)
    else:
        # a bar made of trades begins with the first one after the last of the bar before
        next_first = int(stops[-1]) if own.height else 0
        is_begun = not np.isnan(open_us)
        begins = float(tape.ts_us[next_first]) if next_first < tape.ts_us.size else np.nan
        next_open = open_us if is_begun and not own.height else begins
    is_cut = ~made & ((closes - 1) // _DAY_US > opens // _DAY_US)
    return BarWindows(
        np.where(is_cut, np.nan, opens.astype(np.float64)),
        closes.astype(np.float64),
        made,
        firsts,
        stops,
        is_begun,
        next_open,
        next_first,
    )


def us(rows: pl.DataFrame, column: str) -> Times:
    """Return a column of times in microseconds."""
    return rows[column].cast(pl.Int64).to_numpy(writable=True)


def _interval_start(bar: BarSpec, until_us: float, sessions: pl.DataFrame) -> float:
    """Return where the interval begins that holds `until_us`; NaN outside of all sessions."""
    interval, begin = bar.threshold * 1e6, 0.0
    if bar.kind == "session":
        listed = sessions.sort("open")
        opens, closes = us(listed, "open"), us(listed, "close")
        place = int(np.searchsorted(opens, until_us, side="right")) - 1
        if place < 0 or until_us >= closes[place]:
            return np.nan
        begin = float(opens[place])
    return until_us - (until_us - begin) % interval
