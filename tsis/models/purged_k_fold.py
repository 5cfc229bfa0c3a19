"""Purged k-fold with embargo: no training label shares a moment with a test label."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError

Times = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]


def purged_k_fold(t0: Times, t1: Times, n_folds: int, embargo_frac: float) -> Iterator[tuple[Rows, Rows]]:
    """Yield (train, test) row numbers of contiguous test folds.

    A training row before the fold must end (t1) before the fold's first t0; one after it must begin after the fold's
    last t1, and the first ``embargo_frac * n`` rows after that are left out too, because features look back.
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
    n = t0.size
    if n_folds < 2 or n < n_folds:
        raise DataError(
            f"purged k-fold: {n:,} rows can't make {n_folds} folds; needs at least 2 folds and a row in each"
        )
    require_windows(t0, t1)
    latest_t1 = np.maximum.accumulate(t1)
    embargo = int(np.ceil(n * embargo_frac))
    edges = np.linspace(0, n, n_folds + 1).astype(np.int64)
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        after = int(np.searchsorted(t0, t1[first:end].max(), side="right")) + embargo
        before = rows_ended_by(t0[first], t1, latest_t1, first)
        yield np.concatenate((before, np.arange(max(after, end), n))), np.arange(first, end)


def rows_ended_by(moment: np.int64, t1: Times, latest_t1: Times, end: int) -> Rows:
    """Return the rows of [0, end) whose window ended before `moment`; `latest_t1` is the running maximum of t1."""
    certain = min(int(np.searchsorted(latest_t1, moment, side="left")), end)
    doubtful = certain + np.flatnonzero(t1[certain:end] < moment)
    return np.concatenate((np.arange(certain), doubtful))


def require_windows(t0: Times, t1: Times) -> None:
    """Raise DataError unless t0 ascends and no window ends before it starts."""
    n_disordered = int(np.count_nonzero(t0[1:] < t0[:-1]))
    n_reversed = int(np.count_nonzero(t1 < t0))
    if n_disordered or n_reversed:
        raise DataError(
            f"label windows: {n_disordered:,} of {t0.size:,} rows start before the row above and {n_reversed:,} end "
            "before they start; sort by t0"
        )
