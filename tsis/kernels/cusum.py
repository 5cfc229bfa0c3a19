"""The symmetric CUSUM filter."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

CUSUM_STATE: Final = 2


@jit
def cusum_filter(
    returns: NDArray[np.float64], threshold: NDArray[np.float64], state: NDArray[np.float64], out: NDArray[np.int8]
) -> None:
    """Write +1 where the upward sum of returns exceeds its threshold, -1 where the downward one does, else 0.

    A sum that exceeds is set to zero; the downward one is looked at first (AFML 2.5.2.1, snippet 2.4). Where the return
    or the threshold is NaN, in a warm-up, there is no event and both sums are set to zero.

    Parameters
    ----------
    returns, threshold : (n,) one a bar; log returns as the book's code takes them.
    state : (`CUSUM_STATE`,) the upward and the downward sum; zeros at first, changed in place.
    """
    up, down = state[0], state[1]
    for i in range(returns.shape[0]):
        out[i] = 0
        if np.isnan(returns[i]) or np.isnan(threshold[i]):
            up, down = 0.0, 0.0
            continue
        up, down = max(0.0, up + returns[i]), min(0.0, down + returns[i])
        if down < -threshold[i]:
            out[i], down = -1, 0.0
        elif up > threshold[i]:
            out[i], up = 1, 0.0
    state[0], state[1] = up, down


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    log_return, threshold = arrays
    out = np.empty(log_return.shape[0], dtype=np.int8)
    cusum_filter(log_return, threshold, state, out)
    return out.astype(np.float64)


CUSUM: Final = Fold(("log_return", "threshold"), lambda: np.zeros(CUSUM_STATE), _run)
