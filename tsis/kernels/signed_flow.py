"""Signed sizes of trades: what imbalance and runs bars add up."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.kernels.bars import DOLLAR, VOLUME

BLOCK: Final = 256
"""Trades at a time, so that what lies between two loops stays in the nearest cache."""


@jit
def signed_flow(
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    kind: int,
    multiplier: float,
    price_factor: float,
    size_factor: float,
    rule: tuple[float, float],
    out: Rows,
) -> tuple[float, float]:
    """Write b_t v_t and v_t of every trade and return the tick rule's memory: (last price, sign).

    Parameters
    ----------
    price, size, side, multiplier, price_factor, size_factor : as of `bars.fold_bars`.
    kind : `DOLLAR` takes money as traded, `VOLUME` adjusted units, any other 1 for v_t.
    rule : the memory after the trade before; (NaN, 0) before the first.
    out : (2, n) signed sizes, with a sign of 0 before the first price change without a side; sizes.
    """
    last, sign = rule
    flow, sizes = out[0], out[1]
    # one short loop for each, as only the tick rule has to go step by step
    for j in range(price.shape[0]):
        p = price[j] * price_factor
        rise, fall = p > last, p < last
        sign = 1.0 if rise else (-1.0 if fall else sign)
        last = p
        flow[j] = sign
    if kind == DOLLAR:
        for j in range(price.shape[0]):
            sizes[j] = price[j] * size[j] * multiplier
    elif kind == VOLUME:
        for j in range(price.shape[0]):
            sizes[j] = size[j] * size_factor
    else:
        for j in range(price.shape[0]):
            sizes[j] = 1.0
    for j in range(price.shape[0]):
        given = np.float64(side[j])
        flow[j] = (given if given != 0.0 else flow[j]) * sizes[j]
    return last, sign


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    price, size, side = arrays
    out = np.empty((2, price.shape[0]))
    state[:] = signed_flow(price, size, side, VOLUME, 2.0, 0.5, 2.0, (state[0], state[1]), out)
    return out.T


SIGNED_FLOW: Final = Fold(("price", "size", "side"), lambda: np.array([np.nan, 0.0]), _run)
