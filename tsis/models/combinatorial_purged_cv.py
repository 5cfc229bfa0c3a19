"""Combinatorial purged cross-validation: every choice of test groups, and the backtest paths that they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, ParamsError
from tsis.models.embargo import NO_EMBARGO, Embargo
from tsis.models.purged_blocks import PurgedBlocks
from tsis.models.purged_k_fold import even_edges
from tsis.models.splitter import Splitter
from tsis.models.windows import Closed, Rows, Windows


class CombinatorialPurgedCV(Splitter):
    """All C(N, k) choices of k test groups among N contiguous groups of rows; López de Prado (2018), 12.4.

    Each group is tested in φ = C(N - 1, k - 1) splits, so the predictions make φ paths through all rows: 6 groups, 2 of
    them tested, are 15 splits and 5 paths. They judge a model by a distribution; a path is never a source of signals,
    for most of its models were fitted on what came later.

    Parameters
    ----------
    n_groups : N, at least 2; the first ones a row longer where the rows do not divide.
    n_test_groups : k, 1 to N - 1.
    t0, t1, embargo, closed : as `tsis.models.purged_k_fold.PurgedKFold` has them; purging and embargo follow every
        test group.

    Raises
    ------
    ParamsError
        If `n_test_groups` is out of range.
    DataError
        If there are fewer rows than groups, or the windows are not as they should be.
    """

    def __init__(
        self,
        n_groups: int,
        n_test_groups: int,
        t0: Any,
        t1: Any,
        *,
        embargo: Embargo = NO_EMBARGO,
        closed: Closed = "both",
    ) -> None:
        super().__init__(Windows.of(t0, t1, closed).require_sorted())
        self._edges = even_edges("combinatorial purged CV", self.windows.n, n_groups)
        if not 1 <= n_test_groups < n_groups:
            raise ParamsError(f"n_test_groups = {n_test_groups}: must lie between 1 and {n_groups - 1}")
        self.n_groups, self.n_test_groups, self.embargo, self.closed = n_groups, n_test_groups, embargo, closed
        self._blocks = PurgedBlocks(self.windows, self._edges, embargo)

    @property
    def n_paths(self) -> int:
        """Return how many paths the predictions make: C(N - 1, k - 1)."""
        return comb(self.n_groups - 1, self.n_test_groups - 1)

    def test_groups(self) -> Iterator[tuple[int, ...]]:
        """Yield the groups that each split tests, in the order of `split`."""
        return combinations(range(self.n_groups), self.n_test_groups)

    def path_splits(self) -> Rows:
        """Return (n_paths, n_groups): the split whose predictions a path takes for a group.

        Path p takes for each group the p-th split that tests it, as in AFML's figure 12.2.
        """
        splits: list[list[int]] = [[] for _ in range(self.n_groups)]
        for number, groups in enumerate(self.test_groups()):
            for group in groups:
                splits[group].append(number)
        return np.array(splits, dtype=np.int64).T

    def paths(self, predictions: Sequence[npt.ArrayLike]) -> npt.NDArray[Any]:
        """Put the predictions of all splits together to paths.

        Parameters
        ----------
        predictions : for each split, in order, one value for each of its test rows, in order; of any type of numbers.

        Returns
        -------
        (n_paths, n) one value a row of X in each path; every prediction is in exactly one of them.

        Raises
        ------
        DataError
            If there are not as many predictions as splits, or not as many values as test rows.
        """
        n_splits = self._count()
        if len(predictions) != n_splits:
            raise DataError(
                f"paths: {len(predictions):,} sets of predictions for {n_splits:,} splits; needs one of each"
            )
        values = [np.asarray(one) for one in predictions]
        out = np.empty((self.n_paths, self.windows.n), dtype=np.result_type(*values))
        used = np.zeros(self.n_groups, dtype=np.int64)
        for number, (groups, one) in enumerate(zip(self.test_groups(), values, strict=True)):
            sizes = [int(self._edges[g + 1] - self._edges[g]) for g in groups]
            if one.shape != (sum(sizes),):
                raise DataError(
                    f"paths: split {number} has predictions of shape {one.shape}; needs one value for each of its "
                    f"{sum(sizes):,} test rows"
                )
            for group, part in zip(groups, np.split(one, np.cumsum(sizes)[:-1]), strict=True):
                out[used[group], self._edges[group] : self._edges[group + 1]] = part
                used[group] += 1
        return out

    def _count(self) -> int:
        return comb(self.n_groups, self.n_test_groups)

    def _splits(self) -> Iterator[tuple[Rows, Rows]]:
        for tested in self.test_groups():
            yield self._blocks.train(tested), self._blocks.test(tested)
