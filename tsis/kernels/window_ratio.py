"""One sum over the last n values over another, exact: two windows of `tsis.kernels.window` that move together."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

RATIO_HEAD: Final = 6
"""``window_ratio`` takes RATIO_HEAD + 2 n places."""


@jit
def window_ratio(above: float, below: float, n: int, state: NDArray[np.float64], at: int) -> float:
    """Return the sum of the last `n` values `above` over that of `below`.

    NaN until there are n, where one of them is NaN, and where the sum below is not positive. State: is full, place in
    the block, totals of the block, ring of pairs, a pair of zeros behind it.
    """
    place = int(state[at + 1])
    here = at + 4 + 2 * place
    top, bottom = state[at + 2] + above, state[at + 3] + below
    all_top, all_bottom = top + state[here + 2], bottom + state[here + 3]
    state[here] = above
    state[here + 1] = below
    is_full = state[at] > 0.0
    if place == n - 1:
        # the block is complete: its ends become what the ring holds
        for j in range(here - 1, at + 3, -1):
            state[j] += state[j + 2]
        place, top, bottom, is_full = -1, 0.0, 0.0, True
        state[at] = 1.0
    state[at + 1] = place + 1
    state[at + 2] = top
    state[at + 3] = bottom
    return float(all_top / all_bottom) if is_full and all_bottom > 0.0 else np.nan


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    return np.array([window_ratio(above, below, 20, state, 0) for above, below in zip(*arrays, strict=True)])


WINDOW_RATIO: Final = Fold(("log_return", "volume"), lambda: np.zeros(RATIO_HEAD + 40), _run)
