"""The rows that may train while some of the consecutive blocks of rows are tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsis.models.embargo import NO_EMBARGO, Embargo
from tsis.models.windows import Rows, Times, Windows


class PurgedBlocks:
    """Consecutive blocks of rows, and what purging around each of them leaves.

    All that depends on the windows is found once, by search in t0 and in the running maximum of the ends: which rows
    train is then a few slices, put together.

    Parameters
    ----------
    windows : sorted by t0.
    edges : (k + 1,) the first row of each block, and n; blocks are not empty.
    """

    def __init__(self, windows: Windows, edges: Rows, embargo: Embargo = NO_EMBARGO) -> None:
        first = edges[:-1]
        last, t1 = np.maximum.reduceat(windows.last, first), np.maximum.reduceat(windows.t1, first)
        latest = np.maximum.accumulate(windows.last)
        latest.setflags(write=False)
        self._rows = np.arange(windows.n)
        self._edges: list[int] = edges.tolist()
        self._after: list[int] = embargo.first_rows(windows, edges[1:] - 1, last, t1).tolist()
        self._before = [ended_by(windows.t0[i], windows.last, latest, i) for i in first.tolist()]

    def test(self, blocks: Sequence[int]) -> Rows:
        """Return the rows of the blocks; their numbers ascend."""
        return np.concatenate([self._rows[self._edges[b] : self._edges[b + 1]] for b in blocks])

    def train(self, blocks: Sequence[int]) -> Rows:
        """Return the rows outside the blocks that overlap none of their labels and lie in no embargo, ascending."""
        parts, start = [], 0
        for b in blocks:
            if start < self._edges[b]:
                certain, doubtful = self._before[b]
                parts.append(self._rows[start:certain])
                if doubtful.size:
                    parts.append(doubtful[doubtful >= start])
            start = max(start, self._after[b])
        parts.append(self._rows[start:])
        return np.concatenate(parts)


def ended_by(moment: np.int64, last: Times, latest: Times, end: int) -> tuple[int, Rows]:
    """Return c and the later rows r so that of the rows [0, end) those of [0, c) and r ended before `moment`.

    `latest` is the running maximum of `last`: before the first row at which it reaches the moment all have ended, and
    only the rows from there on are looked at one by one.
    """
    certain = min(int(np.searchsorted(latest, moment, side="left")), end)
    return certain, certain + np.flatnonzero(last[certain:end] < moment)
