"""Range and Renko bars in one resumable fold each."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.kernels import bars, open_bar

RANGE_COLUMNS: Final = bars.OUT_COLUMNS
RENKO_COLUMNS: Final = (*bars.OUT_COLUMNS, "n_bricks", "level")
"""The columns of all bars; the bricks that the bar completed, negative where they fall; the edge of the last one."""

_BAR: Final = bars.STATE_SIZE
_N_BRICKS: Final = len(bars.OUT_COLUMNS)
_LEVEL: Final = _N_BRICKS + 1
_FORGIVEN: Final = 1e-9  # of a range or a brick: decimal prices are not exact in binary


def initial_range_state() -> Rows:
    """Return the state before the first trade: the open bar as in `bars.initial_state`, its high and its low."""
    return np.concatenate([bars.initial_state(), [-np.inf, np.inf]])


def initial_renko_state() -> Rows:
    """Return the state before the first trade.

    The open bar as in `bars.initial_state`; the edge of the last brick in bricks from zero (NaN before the first
    trade), and its sign.
    """
    return np.concatenate([bars.initial_state(), [np.nan, 0.0]])


@jit
def fold_range_bars(
    ts: NDArray[np.int64],
    seq: NDArray[np.int64],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    price_range: float,
    multiplier: float,
    price_factor: float,
    size_factor: float,
    state: Rows,
    out: Rows,
) -> tuple[int, int]:
    """Fold trades into range bars and return (trades consumed, bars written), as `bars.fold_bars` does.

    A bar closes on the first trade by which high - low ≥ `price_range`; that trade belongs to it and the next opens
    the next bar. A gap inside a bar is part of its range, so that a bar may be longer than the range; between bars it
    counts in neither. A billionth of the range is forgiven.

    Parameters
    ----------
    ts, seq, price, size, side, multiplier, price_factor, size_factor : as of `bars.fold_bars`.
    price_range : in adjusted prices, positive.
    state : changed in place; from `initial_range_state`.
    out : (at least 1, len(`RANGE_COLUMNS`)) one row a bar.
    """
    n, capacity, written, begun = ts.shape[0], out.shape[0], 0, 0
    bar, high, low = state[:_BAR], state[_BAR], state[_BAR + 1]
    reach = price_range * (1.0 - _FORGIVEN)
    for i in range(n):
        p = price[i] * price_factor
        high = p if p > high else high
        low = p if p < low else low
        if high - low >= reach:
            j = i + 1
            open_bar.close(
                ts[begun:j], seq[begun:j], price[begun:j], size[begun:j], side[begun:j],
                multiplier, price_factor, size_factor, bar, out[written:],
            )  # fmt: skip
            high, low, begun, written = -np.inf, np.inf, j, written + 1
            if written == capacity:
                break
    end = begun if written == capacity else n
    open_bar.extend(
        ts[begun:end], seq[begun:end], price[begun:end], size[begun:end], side[begun:end],
        multiplier, price_factor, size_factor, bar, out,
    )  # fmt: skip
    state[_BAR], state[_BAR + 1] = high, low
    return end, written


@jit
def fold_renko_bars(
    ts: NDArray[np.int64],
    seq: NDArray[np.int64],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    brick: float,
    multiplier: float,
    price_factor: float,
    size_factor: float,
    state: Rows,
    out: Rows,
) -> tuple[int, int]:
    """Fold trades into Renko bars and return (trades consumed, bars written), as `bars.fold_bars` does.

    The edges of bricks are the multiples of `brick`, wherever the data begin. The first edge is the one nearest to the
    first trade. From the edge of the last brick, a rising brick is complete when a trade is at or above the next edge
    on the way up; after it, a falling one when a trade is at or below the second edge on the way down (the first is
    the lower edge of the brick that stands), and the other way round.

    - A trade that completes several bricks closes one bar, with their number: nothing was traded between them, and
      they are known together. A reversal over k edges is of k - 1 bricks.
    - All trades since the bar before belong to the bar, the completing one included: volume is conserved.
    - Open, high, low and close are traded prices, not edges: a position can be had at the close of a bar, but not at
      an edge that the trade jumped over. `level` has the edge.
    - A billionth of a brick is forgiven.

    Parameters
    ----------
    ts, seq, price, size, side, multiplier, price_factor, size_factor : as of `bars.fold_bars`.
    brick : in adjusted prices, positive.
    state : changed in place; from `initial_renko_state`.
    out : (at least 1, len(`RENKO_COLUMNS`)) one row a bar.
    """
    n, capacity, written, begun = ts.shape[0], out.shape[0], 0, 0
    bar, edge, direction = state[:_BAR], state[_BAR], state[_BAR + 1]
    if n > 0 and np.isnan(edge):
        edge = np.round(price[0] * price_factor / brick)
    for i in range(n):
        place = price[i] * price_factor / brick
        up, down = np.floor(place + _FORGIVEN), np.ceil(place - _FORGIVEN)
        is_rise = up - edge >= (2.0 if direction < 0.0 else 1.0)
        is_fall = edge - down >= (2.0 if direction > 0.0 else 1.0)
        if is_rise or is_fall:
            j = i + 1
            open_bar.close(
                ts[begun:j], seq[begun:j], price[begun:j], size[begun:j], side[begun:j],
                multiplier, price_factor, size_factor, bar, out[written:],
            )  # fmt: skip
            sign = 1.0 if is_rise else -1.0
            moved = (up if is_rise else down) - edge
            out[written, _N_BRICKS] = moved - (sign if sign * direction < 0.0 else 0.0)
            edge, direction = edge + moved, sign
            out[written, _LEVEL] = edge * brick
            begun, written = j, written + 1
            if written == capacity:
                break
    end = begun if written == capacity else n
    open_bar.extend(
        ts[begun:end], seq[begun:end], price[begun:end], size[begun:end], side[begun:end],
        multiplier, price_factor, size_factor, bar, out,
    )  # fmt: skip
    state[_BAR], state[_BAR + 1] = edge, direction
    return end, written


def _run_range(arrays: tuple[Array, ...], state: Rows) -> Rows:
    ts, seq, price, size, side = arrays
    out = np.empty((ts.shape[0] + 1, len(RANGE_COLUMNS)))
    _, written = fold_range_bars(ts, seq, price, size, side, 0.75, 2.0, 0.5, 2.0, state, out)
    return out[:written]


def _run_renko(arrays: tuple[Array, ...], state: Rows) -> Rows:
    ts, seq, price, size, side = arrays
    out = np.empty((ts.shape[0] + 1, len(RENKO_COLUMNS)))
    _, written = fold_renko_bars(ts, seq, price, size, side, 0.25, 2.0, 0.5, 2.0, state, out)
    return out[:written]


RANGE: Final = Fold(("ts_us", "seq", "price", "size", "side"), initial_range_state, _run_range)
RENKO: Final = Fold(("ts_us", "seq", "price", "size", "side"), initial_renko_state, _run_renko)
