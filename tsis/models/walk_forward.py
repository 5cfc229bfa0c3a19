"""Purged walk-forward: refit on what was known, predict what comes next."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tsis.models.purged_k_fold import Rows, Times, require_windows, rows_ended_by

OPEN = np.iinfo(np.int64).max
"""End of a window that has not ended: such an event is tested and never trained on."""


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
    require_windows(t0, t1)
    n_known = np.searchsorted(np.sort(t1), t0, side="left")
    begin = int(np.searchsorted(n_known, max(min_train, 1), side="left"))
    latest_t1 = np.maximum.accumulate(t1)
    for first in range(begin, t0.size, refit_every):
        test = np.arange(first, min(first + refit_every, t0.size))
        yield rows_ended_by(t0[first], t1, latest_t1, first), test
