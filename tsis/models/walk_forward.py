"""Purged walk-forward: refit on what was known, predict what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from tsis.core.errors import DataError, ParamsError
from tsis.models.purged_blocks import ended_by
from tsis.models.splitter import Splitter
from tsis.models.windows import Closed, Rows, Times, Windows

OPEN = np.iinfo(np.int64).max
"""End of a window that has not ended: such an event is tested and never trained on."""


class WalkForward(Splitter):
    """Consecutive test blocks, each after all that it trains on: no training label ends after the block's first t0.

    Parameters
    ----------
    t0, t1, closed : as `tsis.models.purged_k_fold.PurgedKFold` has them; `OPEN` where a window has not ended.
    test_size : rows a block.
    min_train : the first block begins where so many labels have ended, and the last one may be shorter; see
        `purged_walk_forward`.
    n_splits : instead of `min_train`: so many blocks, which end at the last row, as scikit-learn's TimeSeriesSplit.
    max_train : the training window rolls and holds the last so many labels that had ended; None anchors it at the first
        row.

    Raises
    ------
    ParamsError
        If not exactly one of `min_train` and `n_splits` is given, or a size is not positive.
    DataError
        If there are too few rows for it, or the windows are not as they should be.
    """

    def __init__(
        self,
        t0: Any,
        t1: Any,
        *,
        test_size: int,
        min_train: int | None = None,
        n_splits: int | None = None,
        max_train: int | None = None,
        closed: Closed = "both",
    ) -> None:
        super().__init__(Windows.of(t0, t1, closed).require_sorted())
        sizes = {"test_size": test_size, "min_train": min_train, "n_splits": n_splits, "max_train": max_train}
        if (min_train is None) == (n_splits is None):
            raise ParamsError("walk-forward: give either min_train or n_splits")
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise ParamsError(f"walk-forward: {name} = {size}; must be at least 1")
        self.test_size, self.min_train, self.n_splits, self.max_train = test_size, min_train, n_splits, max_train
        self.closed = closed
        n = self.windows.n
        self._begin = _begin(self.windows, min_train) if min_train is not None else n - (n_splits or 0) * test_size
        if not 0 < self._begin < n:
            wanted = f"{n_splits} blocks of {test_size:,}" if n_splits else f"a block after {min_train:,} ended labels"
            raise DataError(f"walk-forward: {n:,} rows can't make {wanted} and something to train on before")

    def _count(self) -> int:
        return -(-(self.windows.n - self._begin) // self.test_size)

    def _splits(self) -> Iterator[tuple[Rows, Rows]]:
        return _blocks(self.windows, np.arange(self._begin, self.windows.n, self.test_size), self.max_train)


def purged_walk_forward(t0: Times, t1: Times, min_train: int, refit_every: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield (train, test) row numbers of consecutive test blocks, the training window anchored at the first row.

    A block's training rows are those whose label had ended (t1) before the block's first t0: what a person would have
    known then. Blocks are counted in events, labelled or not, from the first one at which `min_train` labels had ended:
    where a block begins depends on nothing that comes after its first t0, so neither later events nor labels that end
    later move an earlier block, and an event is tested before its own window has ended.

    Parameters
    ----------
    t0, t1 : (n,) start and end of each event's window, `OPEN` where it has not ended; t0 ascending, t1 >= t0.
    min_train : the first block begins where so many labels have ended.
    refit_every : events a block; the last one may be shorter.

    Yields
    ------
    Nothing where `min_train` is never reached.

    Raises
    ------
    DataError
        If the windows are not ordered.
    """
    windows = Windows.of(t0, t1).require_sorted()
    yield from _blocks(windows, np.arange(_begin(windows, min_train), windows.n, refit_every), None)


def walk_forward_from(t0: Times, t1: Times, points: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Yield (train, test) as `purged_walk_forward` does, of blocks that begin at the rows `points` (ascending).

    Raises
    ------
    DataError
        If the windows are not ordered.
    """
    yield from _blocks(Windows.of(t0, t1).require_sorted(), points, None)


def ended_labels(windows: Windows) -> Rows:
    """Return how many labels had ended before the t0 of each row, (n,); it never falls."""
    return np.searchsorted(np.sort(windows.last), windows.t0, side="left")


def _begin(windows: Windows, min_train: int) -> int:
    """Return the first row at whose t0 `min_train` labels had ended; n where there is none."""
    return int(np.searchsorted(ended_labels(windows), max(min_train, 1), side="left"))


def _blocks(windows: Windows, points: Rows, max_train: int | None) -> Iterator[tuple[Rows, Rows]]:
    rows, latest = np.arange(windows.n), np.maximum.accumulate(windows.last)
    for first, stop in pairwise([*points.tolist(), windows.n]):
        certain, doubtful = ended_by(windows.t0[first], windows.last, latest, first)
        start = 0 if max_train is None else max(certain + doubtful.size - max_train, 0)
        train = np.concatenate((rows[min(start, certain) : certain], doubtful[max(start - certain, 0) :]))
        yield train, rows[first:stop].copy()
