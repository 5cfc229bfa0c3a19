"""Windows: rings that live in a flat state, and means over the rows before.

A ring of length n occupies n places of a state array; the number of values pushed so far lies elsewhere in that state.
Sums are taken anew over the ring at every row, from its first place to its last: affordable for the short windows used
here, without drift, and a bad print is forgotten as soon as it leaves.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows


@jit
def push(ring: NDArray[np.float64], count: int, value: float) -> float:
    """Replace the oldest of the last len(ring) values by `value` and return it; `count` values came before."""
    place = count % ring.shape[0]
    oldest: float = ring[place]
    ring[place] = value
    return oldest


@jit
def ring_mean(ring: NDArray[np.float64]) -> float:
    """Return the mean of a full ring."""
    total = 0.0
    for value in ring:
        total += value
    mean: float = total / ring.shape[0]
    return mean


@jit
def ring_std(ring: NDArray[np.float64], mean: float, ddof: int) -> float:
    """Return the standard deviation of a full ring around its `mean`, over n - `ddof`."""
    total = 0.0
    for value in ring:
        total += (value - mean) * (value - mean)
    deviation: float = np.sqrt(total / (ring.shape[0] - ddof))
    return deviation


@jit
def mean_before(x: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the mean of the `window` values before each one, itself excluded; NaN until there are as many.

    Each mean depends on its own window alone, so that it is the same wherever the array begins.
    """
    out = np.full(x.shape[0], np.nan)
    for i in range(window, x.shape[0]):
        total = 0.0
        for j in range(i - window, i):
            total += x[j]
        out[i] = total / window
    return out


def _run(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    return mean_before(arrays[0], 20), np.arange(arrays[0].shape[0])


MEAN_BEFORE: Final = Batch(("volume",), _run)
