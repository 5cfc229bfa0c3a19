"""Purged k-fold with embargo: no training label shares a moment with a test label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError
from tsis.models.embargo import NO_EMBARGO, Embargo
from tsis.models.purged_blocks import PurgedBlocks
from tsis.models.splitter import Splitter
from tsis.models.windows import Closed, Windows

Times = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]


class PurgedKFold(Splitter):
    """Contiguous test folds, the first ones a row longer where the rows do not divide, as scikit-learn's KFold.

    A training row shares no moment with a test row's label and lies in no embargo. López de Prado (2018), 7.4.

    Parameters
    ----------
    n_splits : folds, at least 2.
    t0, t1 : (n,) start and end of each row's label, as `tsis.models.windows.Windows.of` takes them; t0 ascending.
    embargo : what is left out after a test fold besides.
    closed : whether windows hold their ends. With ``left`` and an embargo counted ``after="row"`` the rows are those
        of purgedcv, wherever t1 > t0.

    Raises
    ------
    DataError
        If there are fewer rows than folds, or the windows are not as they should be.
    """

    def __init__(
        self, n_splits: int, t0: Any, t1: Any, *, embargo: Embargo = NO_EMBARGO, closed: Closed = "both"
    ) -> None:
        super().__init__(Windows.of(t0, t1, closed).require_sorted())
        self.n_splits, self.embargo, self.closed = n_splits, embargo, closed
        self._blocks = PurgedBlocks(self.windows, even_edges("purged k-fold", self.windows.n, n_splits), embargo)

    def _count(self) -> int:
        return self.n_splits

    def _splits(self) -> Iterator[tuple[Rows, Rows]]:
        for fold in range(self.n_splits):
            yield self._blocks.train([fold]), self._blocks.test([fold])


def purged_k_fold(t0: Times, t1: Times, n_folds: int, embargo_frac: float) -> Iterator[tuple[Rows, Rows]]:
    """Yield (train, test) row numbers of contiguous test folds.

    A training row before the fold must end (t1) before the fold's first t0; one after it must begin after the fold's
    last t1, and the first ``ceil(embargo_frac * n)`` rows after that are left out too, because features look back.
    López de Prado (2018), 7.4.

    Parameters
    ----------
    t0, t1 : (n,) start and end of each label's window, both ends included; t0 ascending, t1 >= t0.
    n_folds : number of folds, 2 to n.
    embargo_frac : share of the n rows that is left out after each test fold.

    Raises
    ------
    DataError
        If there are fewer rows than folds, or the windows are not ordered.
    """
    require_folds("purged k-fold", t0.size, n_folds)
    windows = Windows.of(t0, t1).require_sorted()
    edges = np.linspace(0, t0.size, n_folds + 1).astype(np.int64)
    blocks = PurgedBlocks(windows, edges, Embargo(rows=int(np.ceil(t0.size * embargo_frac))))
    for fold in range(n_folds):
        yield blocks.train([fold]), blocks.test([fold])


def even_edges(what: str, n: int, n_blocks: int) -> Rows:
    """Return the first row of each of `n_blocks` blocks, and n; the first ``n % n_blocks`` are a row longer.

    Raises
    ------
    DataError
        For fewer than two blocks or fewer rows than blocks; `what` names the splitter in the message.
    """
    require_folds(what, n, n_blocks)
    sizes = np.full(n_blocks, n // n_blocks, dtype=np.int64)
    sizes[: n % n_blocks] += 1
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes)))


def require_folds(what: str, n: int, n_folds: int) -> None:
    """Raise DataError unless n rows make at least two folds with a row in each."""
    if n_folds < 2 or n < n_folds:
        raise DataError(f"{what}: {n:,} rows can't make {n_folds} folds; needs at least 2 folds and a row in each")
