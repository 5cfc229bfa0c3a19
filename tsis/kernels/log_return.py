"""Log returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows


@jit
def log_return(close: NDArray[np.float64], state: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write the logarithm of each close less that of the close before it; NaN at the first.

    Parameters
    ----------
    close : (n,) prices above zero; NaN makes its own return and the next one NaN.
    state : (1,) logarithm of the last close, from `initial_log_return`, changed in place.
    """
    before = state[0]
    for i in range(close.shape[0]):
        now = np.log(close[i])
        out[i] = now - before
        before = now
    state[0] = before


def initial_log_return() -> NDArray[np.float64]:
    """Return the state before the first close."""
    return np.array([np.nan])


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].size)
    log_return(arrays[0], state, out)
    return out[:, None]


LOG_RETURN = Fold(inputs=("close",), initial_state=initial_log_return, run=_run)
