"""The ETF trick: what one unit invested in a basket with changing weights is worth (AFML 2.4.1)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

HEAD: Final = 2
"""The state has HEAD + 4 k places for k instruments."""

Matrix = NDArray[np.float64]


@jit
def etf_trick(
    opens: Matrix,
    closes: Matrix,
    weights: Matrix,
    point_values: Matrix,
    dividends: Matrix,
    is_rebalanced: NDArray[np.bool_],
    state: NDArray[np.float64],
    out: Matrix,
) -> None:
    """Write the value of the basket at each close, and what was traded to rebalance it.

    Weights chosen at the close of a row are bought at the opens of the next. The value is 1 until then.

    Parameters
    ----------
    opens, closes, weights, point_values, dividends : (n, k) of k instruments; point_values is the worth of one point in
        the basket's currency, dividends are carry, dividends and coupons paid on the row, in points.
    is_rebalanced : (n,) whether the row's weights are taken.
    state : (HEAD + 4 k,) from `initial_etf_trick`, changed in place: value, whether weights wait for the next opens;
        units held, last closes, weights that wait, last point values.
    out : (n, 2) value, and the money bought and sold at the row's opens over it: times a cost per unit of money it is
        the cost of rebalancing, as a fraction.
    """
    k = opens.shape[1]
    held, last = state[HEAD : HEAD + k], state[HEAD + k : HEAD + 2 * k]
    chosen, worth = state[HEAD + 2 * k : HEAD + 3 * k], state[HEAD + 3 * k : HEAD + 4 * k]
    value, waits = state[0], state[1]
    for t in range(opens.shape[0]):
        traded, gain = 0.0, 0.0
        total = 0.0
        for i in range(k):
            total += abs(chosen[i])
        for i in range(k):
            before = last[i]
            if waits > 0.0:
                units = chosen[i] * value / (opens[t, i] * worth[i] * total)
                traded += (abs(held[i]) * last[i] + abs(units) * opens[t, i]) * worth[i]
                held[i] = units
                before = opens[t, i]
            if held[i] != 0.0:
                gain += held[i] * point_values[t, i] * (closes[t, i] - before + dividends[t, i])
        out[t, 1] = traded / value
        value += gain
        waits = 0.0
        for i in range(k):
            last[i], worth[i] = closes[t, i], point_values[t, i]
            if is_rebalanced[t]:
                chosen[i], waits = weights[t, i], 1.0
        out[t, 0] = value
    state[0], state[1] = value, waits


def initial_etf_trick(k: int) -> Rows:
    """Return the state before the first row of k instruments."""
    state = np.zeros(HEAD + 4 * k)
    state[0] = 1.0
    return state


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    opens, closes, volumes = (np.asarray(array, dtype=np.float64) for array in arrays)
    pair, n = np.column_stack([opens, 2.0 * opens]), opens.size
    out = np.empty((n, 2))
    weights = np.column_stack([volumes, -0.5 * volumes])
    ones = np.ones((n, 2))
    etf_trick(
        pair, np.column_stack([closes, 3.0 * closes - opens]), weights, ones, 0.01 * ones, volumes > 60.0, state, out
    )
    return out


ETF_TRICK: Final = Fold(("open", "close", "volume"), lambda: initial_etf_trick(2), _run)
