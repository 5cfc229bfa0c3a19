"""When labels begin and end, in the one form that every splitter and the audit take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.core.errors import DataError, ParamsError

Times = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Closed = Literal["both", "left"]
"""Whether a label's window holds its end: ``both`` is [t0, t1], ``left`` is [t0, t1)."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of n labels, int64 microseconds.

    Parameters
    ----------
    t0, t1 : (n,) start and end.
    last : (n,) last moment that belongs to the window: t1, or a microsecond before it where the end does not belong to
        it. A window is never empty: with t1 = t0 it is the moment t0.
    """

    t0: Times
    t1: Times
    last: Times

    @classmethod
    def of(cls, t0: Any, t1: Any, closed: Closed = "both") -> Self:
        """Return the windows of labels in any order.

        Parameters
        ----------
        t0, t1 : (n,) int64 microseconds (``tsis.models.walk_forward.OPEN`` for a window that has not ended), or
            datetimes of polars, numpy or pandas; no nulls.

        Raises
        ------
        DataError
            If they are no times, finer than a microsecond, of different lengths, or a window ends before it starts.
        ParamsError
            If `closed` is neither "both" nor "left".
        """
        if closed not in ("both", "left"):
            raise ParamsError(f"closed = {closed!r}: must be 'both' ([t0, t1]) or 'left' ([t0, t1))")
        start, end = _microseconds("t0", t0), _microseconds("t1", t1)
        if start.size != end.size:
            raise DataError(f"label windows: {start.size:,} starts (t0) and {end.size:,} ends (t1); needs one of each")
        n_reversed = int(np.count_nonzero(end < start))
        if n_reversed:
            raise DataError(f"label windows: of {start.size:,} rows {n_reversed:,} end before they start (t1 < t0)")
        return cls(start, end, end if closed == "both" else np.maximum(end - 1, start))

    @property
    def n(self) -> int:
        """Return the number of labels."""
        return int(self.t0.size)

    def require_sorted(self) -> Self:
        """Return these windows.

        Raises
        ------
        DataError
            Unless t0 ascends; ties may stand in any order.
        """
        n_disordered = int(np.count_nonzero(self.t0[1:] < self.t0[:-1]))
        if n_disordered:
            raise DataError(
                f"label windows: {n_disordered:,} of {self.n:,} rows start before the row above; sort by t0"
            )
        return self


def _microseconds(name: str, values: Any) -> Times:
    if isinstance(values, np.ndarray) and values.dtype == np.int64 and values.ndim == 1:
        return values
    try:
        series = values if isinstance(values, pl.Series) else pl.Series(values)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"label windows: {name} can't be read as times ({error})") from error
    if series.null_count():
        raise DataError(f"label windows: {name} has {series.null_count():,} nulls of {series.len():,}; leave them out")
    if series.dtype.is_integer() and series.dtype != pl.UInt64:
        return series.cast(pl.Int64).to_numpy()
    if not isinstance(series.dtype, pl.Datetime):
        raise DataError(f"label windows: {name} is {series.dtype}; must be int64 microseconds or datetimes")
    exact = series.dt.cast_time_unit("us")
    n_finer = int((exact.dt.cast_time_unit("ns") != series).sum()) if series.dtype.time_unit == "ns" else 0
    if n_finer:
        raise DataError(f"label windows: {n_finer:,} of {series.len():,} times of {name} are finer than a microsecond")
    return exact.to_physical().to_numpy()


def overlapped(windows: Windows, train: Rows, test: Rows) -> tuple[Bools, Rows]:
    """Return which training rows share a moment with a test row, and for each the test row that ends last of those.

    Of the test rows that begin no later than a training row ends, the one that ends last overlaps it, or none does: one
    sort of the test rows and one search for each training row. The windows may be in any order.

    Returns
    -------
    (len(train),) flags; (len(train),) a test row, meaningless where the flag is False.
    """
    if not test.size:
        return np.zeros(train.size, dtype=np.bool_), np.zeros(train.size, dtype=np.int64)
    ordered = test[np.argsort(windows.t0[test], kind="stable")]
    last = windows.last[ordered]
    latest = np.maximum.accumulate(last)
    holder = np.maximum.accumulate(np.where(last == latest, np.arange(last.size), 0))
    begun = np.searchsorted(windows.t0[ordered], windows.last[train], side="right")
    before = np.maximum(begun - 1, 0)
    return (begun > 0) & (latest[before] >= windows.t0[train]), ordered[holder[before]]
