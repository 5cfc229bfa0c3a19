"""The embargo: rows after a test label that train nothing either, because features and prices remember."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np

from tsis.core.errors import ParamsError
from tsis.models.windows import Rows, Times, Windows

_MICROSECOND = timedelta(microseconds=1)
_LATEST = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class Embargo:
    """How much is left out after a test label; at most one of `rows`, `time` and `frac`. López de Prado (2018), 7.4.2.

    Parameters
    ----------
    rows : so many events.
    time : events that begin up to so long after the label's end (t1), that moment included.
    frac : so large a share of all n events, ``floor(n * frac)`` of them.
    after : what `rows` and `frac` are counted from. ``label``: the first event that begins after the label has ended,
        as in AFML's snippet 7.3. ``row``: the test row itself, so that an embargo shorter than the labels removes
        nothing that purging would not remove anyway; purgedcv counts so.
    """

    rows: int | None = None
    time: timedelta | None = None
    frac: float | None = None
    after: Literal["label", "row"] = "label"

    def __post_init__(self) -> None:
        given = [name for name in ("rows", "time", "frac") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ParamsError(f"embargo: {' and '.join(given)} are given; choose one")
        if self.rows is not None and self.rows < 0:
            raise ParamsError(f"embargo: rows = {self.rows}; must not be negative")
        if self.time is not None and self.time < timedelta(0):
            raise ParamsError(f"embargo: time = {self.time}; must not be negative")
        if self.frac is not None and not 0.0 <= self.frac <= 1.0:
            raise ParamsError(f"embargo: frac = {self.frac}; must lie in [0, 1]")
        if self.after not in ("label", "row"):
            raise ParamsError(f"embargo: after = {self.after!r}; must be 'label' or 'row'")

    def first_rows(self, windows: Windows, row: Rows, last: Times, t1: Times) -> Rows:
        """Return the first row that may train after each test row (or block of rows); n or more where none may.

        Parameters
        ----------
        windows : sorted by t0.
        row, last, t1 : (m,) the test row's number, last moment and end; of a block its last row and its largest
            moment and end.

        Every row between a test row and the row returned overlaps it or lies in its embargo.
        """
        purged = np.searchsorted(windows.t0, last, side="right")
        n_rows = self.rows if self.rows is not None else math.floor(windows.n * (self.frac or 0.0))
        if self.time:
            span = min(self.time // _MICROSECOND, _LATEST)
            end = np.minimum(t1, _LATEST - span) + span
            return np.maximum(purged, np.searchsorted(windows.t0, end, side="right"))
        return purged + n_rows if self.after == "label" else np.maximum(purged, row + 1 + n_rows)


NO_EMBARGO = Embargo()
