"""The grid of intervals that sessions make."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.errors import DataError

Times = NDArray[np.int64]
Grid = tuple[Times, Times, Times]


def session_grid(sessions: pl.DataFrame) -> Grid:
    """Return anchors, opens and closes of `sessions` in microseconds, in order; the grid begins anew at each open.

    Parameters
    ----------
    sessions : open and close of one exchange, or of one ticker, in any order.

    Raises
    ------
    DataError
        If sessions overlap, or close before they open.
    """
    rows = sessions.sort("open", "close")
    # writable, as all grids are: kernels are compiled for either
    opens, closes = (rows[name].cast(pl.Int64).to_numpy(writable=True) for name in ("open", "close"))
    wrong = np.flatnonzero((closes <= opens) | (np.append(opens[1:], np.iinfo(np.int64).max) < closes))
    if wrong.size:
        raise DataError(
            f"reference.sessions: {wrong.size:,} sessions end before they begin or after the next begins (first: that "
            f"of {rows['open'][int(wrong[0])]}); pass one exchange, or correct its open and close"
        )
    return opens, opens, closes


def session_intervals(sessions: pl.DataFrame, interval_us: int) -> tuple[NDArray[np.int64], Times, Times]:
    """Return the intervals of all sessions in order: row of its session (by open), start, end in microseconds.

    They are counted from each open; the last one of a session is cut at its close.
    """
    _, opens, closes = session_grid(sessions)
    counts = -((opens - closes) // interval_us)
    session = np.repeat(np.arange(opens.size), counts)
    place = np.arange(session.size) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = opens[session] + place * interval_us
    return session, starts, np.minimum(starts + interval_us, closes[session])
