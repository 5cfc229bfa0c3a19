"""The open bar of `bars` under another rule: extended by trades, or closed on the last of them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Rows
from tsis.kernels.bars import TICK, fold_bars

TICKS: Final = 0
LAST: Final = 4
SIGN: Final = 12
"""Where the state of `bars` keeps the trades of the open bar, the last price and the tick rule's sign."""


@jit
def extend(
    ts: NDArray[np.int64],
    seq: NDArray[np.int64],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    multiplier: float,
    price_factor: float,
    size_factor: float,
    bar: Rows,
    out: Rows,
) -> None:
    """Take all trades into the open bar; `out` is left alone."""
    # no literal: the large kernel would be compiled anew for it
    kind = int(np.int64(TICK))
    fold_bars(ts, seq, price, size, side, kind, np.inf, multiplier, price_factor, size_factor, bar, out)


@jit
def close(
    ts: NDArray[np.int64],
    seq: NDArray[np.int64],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    multiplier: float,
    price_factor: float,
    size_factor: float,
    bar: Rows,
    out: Rows,
) -> None:
    """Take all trades (one at least) into the open bar, close it on the last and write it into the first row."""
    n_ticks = bar[TICKS] + ts.shape[0]
    kind = int(np.int64(TICK))
    fold_bars(ts, seq, price, size, side, kind, n_ticks, multiplier, price_factor, size_factor, bar, out)
