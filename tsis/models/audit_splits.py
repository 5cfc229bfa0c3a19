"""The proof that a splitter, anybody's, trains on no label that shares a moment with a test label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError
from tsis.models.windows import Closed, Rows, Windows, overlapped


@dataclass(frozen=True)
class Leak:
    """What is wrong with one split.

    Parameters
    ----------
    split : its number, from 0.
    n_overlapping : training rows whose window shares a moment with that of a test row, the row itself among them.
    n_train : of so many.
    train_row, test_row : the first of them, and the test row that it overlaps (of several the one that ends last).
    """

    split: int
    n_overlapping: int
    n_train: int
    train_row: int
    test_row: int

    def __str__(self) -> str:
        return (
            f"split {self.split}: {self.n_overlapping:,} of {self.n_train:,} training labels overlap a test label "
            f"(first: row {self.train_row:,} with test row {self.test_row:,})"
        )


def audit_splits(
    splits: Any,
    t0: Any,
    t1: Any,
    *,
    closed: Closed = "both",
    X: Any = None,  # noqa: N803
    y: Any = None,
    groups: Any = None,
) -> tuple[Leak, ...]:
    """Hold every training row of every split against the test rows and return the splits that leak; none is the proof.

    It looks at rows and windows only, by another way than the splitters take, and so judges theirs too.

    Parameters
    ----------
    splits : an object with ``split(X, y, groups)``, ours, scikit-learn's or a user's, or the (train, test) row numbers
        themselves.
    t0, t1 : (n,) start and end of each row's label, as `tsis.models.windows.Windows.of` takes them, in any order.
    closed : whether windows hold their ends: with ``both`` a label that begins the moment another ends overlaps it.
    X, y, groups : what `split` is called with; without X, n rows of nothing.

    Raises
    ------
    DataError
        If there is no split (nothing is proved), a split tests nothing, or a row number is none of 0 to n - 1.
    """
    windows = Windows.of(t0, t1, closed)
    pairs: Iterable[tuple[Any, Any]] = splits
    if hasattr(splits, "split"):
        pairs = splits.split(np.empty((windows.n, 0)) if X is None else X, y, groups)
    leaks, number = [], -1
    for number, (train, test) in enumerate(pairs):
        train_rows, test_rows = (_rows(number, name, of, windows.n) for name, of in (("train", train), ("test", test)))
        if not test_rows.size:
            raise DataError(f"audit: split {number} tests nothing")
        is_overlapped, partner = overlapped(windows, train_rows, test_rows)
        found = np.flatnonzero(is_overlapped)
        if found.size:
            first = found[np.argmin(train_rows[found])]
            leaks.append(Leak(number, found.size, train_rows.size, int(train_rows[first]), int(partner[first])))
    if number < 0:
        raise DataError("audit: there is no split, so nothing is proved; an iterator may have been used up")
    return tuple(leaks)


def _rows(number: int, name: str, values: npt.ArrayLike, n: int) -> Rows:
    rows = np.asarray(values)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise DataError(
            f"audit: the {name} rows of split {number} are {rows.dtype} of shape {rows.shape}; needs row numbers"
        )
    n_outside = int(np.count_nonzero((rows < 0) | (rows >= n)))
    if n_outside:
        raise DataError(f"audit: {n_outside:,} {name} rows of split {number} are none of the {n:,} rows of the windows")
    return rows.astype(np.int64)
