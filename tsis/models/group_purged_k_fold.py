"""Group k-fold, purged: neither a group nor a moment is on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.core.errors import DataError
from tsis.models.embargo import NO_EMBARGO, Embargo
from tsis.models.purged_k_fold import even_edges
from tsis.models.splitter import Splitter
from tsis.models.windows import Closed, Rows, Windows


class GroupPurgedKFold(Splitter):
    """Test folds of whole groups (tickers, say), purged across groups too: markets move together.

    Groups are taken in the order of their first row and cut into even parts, the first ones a group larger. A row
    trains if its group is not tested, its window shares no moment with that of any test row, and it lies in no embargo.
    Where groups trade at the same times purging leaves little: that is what the data allow.

    Parameters
    ----------
    n_splits : folds, 2 to the number of groups.
    t0, t1, embargo, closed : as `tsis.models.purged_k_fold.PurgedKFold` has them. `embargo.rows` follow every test row.
    groups : (n,) a number or text for each row; None where `split` is given them.

    Raises
    ------
    DataError
        If there are fewer groups than folds, groups are missing or not one for each row, or the windows are not as they
        should be.
    """

    def __init__(
        self,
        n_splits: int,
        t0: Any,
        t1: Any,
        groups: Any = None,
        *,
        embargo: Embargo = NO_EMBARGO,
        closed: Closed = "both",
    ) -> None:
        windows = Windows.of(t0, t1, closed).require_sorted()
        super().__init__(windows)
        self.n_splits, self.embargo, self.closed = n_splits, embargo, closed
        self._group = None if groups is None else self._numbered(groups)
        self._after = embargo.first_rows(windows, np.arange(windows.n), windows.last, windows.t1)

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:  # noqa: ARG002, N803
        """Yield the row numbers (train, test) of each split; `groups`, if given, stand for those of construction."""
        self._require_rows(X)
        group = self._group if groups is None else self._numbered(groups)
        if group is None:
            raise DataError("GroupPurgedKFold: no groups; give them to split or at construction")
        return self._with_training_rows(self._splits_of(group))

    def _count(self) -> int:
        return self.n_splits

    def _splits(self) -> Iterator[tuple[Rows, Rows]]:
        return self.split()

    def _splits_of(self, group: Rows) -> Iterator[tuple[Rows, Rows]]:
        edges = even_edges("group purged k-fold, groups as rows", int(group.max(initial=-1)) + 1, self.n_splits)
        fold = np.searchsorted(edges, group, side="right") - 1
        for number in range(self.n_splits):
            yield self._split(fold == number)

    def _split(self, is_test: npt.NDArray[np.bool_]) -> tuple[Rows, Rows]:
        """Hold each row against the test rows above it and the next one below it, which begins first of those below."""
        windows, rows = self.windows, np.arange(self.windows.n)
        from_above = np.maximum.accumulate(np.where(is_test, self._after, 0))
        test = np.flatnonzero(is_test)
        following = np.searchsorted(test, rows)
        next_t0 = windows.t0[test[np.minimum(following, test.size - 1)]]
        from_below = (following < test.size) & (next_t0 <= windows.last)
        return np.flatnonzero(~is_test & (rows >= from_above) & ~from_below), test

    def _numbered(self, groups: Any) -> Rows:
        """Return the groups as numbers in the order of their first rows."""
        series = groups if isinstance(groups, pl.Series) else pl.Series(np.asarray(groups))
        if series.len() != self.windows.n:
            raise DataError(
                f"GroupPurgedKFold: {series.len():,} groups for {self.windows.n:,} rows; needs one for each"
            )
        n_missing = series.null_count() + (int(series.is_nan().sum()) if series.dtype.is_float() else 0)
        if n_missing:
            raise DataError(f"GroupPurgedKFold: {n_missing:,} of {series.len():,} rows have no group; leave them out")
        names = series.unique(maintain_order=True)
        return series.replace_strict(names, np.arange(names.len()), return_dtype=pl.Int64).to_numpy()
