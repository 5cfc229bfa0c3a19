"""Means over the rows before."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows


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
