"""Tick, volume and dollar imbalance bars in one resumable fold."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.kernels import bars, open_bar
from tsis.kernels.bars import DOLLAR, TICK, VOLUME
from tsis.kernels.expectations import AVERAGE_SIZE, Expectations, expectations, expected_ticks_after, kept_of
from tsis.kernels.signed_flow import BLOCK, signed_flow

OUT_COLUMNS: Final = (*bars.OUT_COLUMNS, "threshold")
"""The columns of all bars, and what the imbalance had to reach when the bar closed."""

_THRESHOLD: Final = len(bars.OUT_COLUMNS)
_BAR: Final = bars.STATE_SIZE
_OWN: Final = _BAR + 8


def initial_state(expect: Expectations) -> Rows:
    """Return the state before the first trade; its bytes are a checkpoint.

    The open bar as in `bars.initial_state`; then imbalance, trades of the bar, threshold (NaN in the warm-up), E0[T];
    trades seen and the weighted sums of signed sizes, of sizes and of weights; the average over bars; where the memory
    ends, the rings of the last signed sizes and of the last sizes.
    """
    state = np.zeros(_OWN + AVERAGE_SIZE + int(expect.memory_bars) + 2 * int(expect.memory_ticks))
    state[:_BAR] = bars.initial_state()
    state[_BAR + 2], state[_BAR + 3] = np.nan, expect.initial_ticks
    return state


@jit
def fold_imbalance_bars(
    ts: NDArray[np.int64],
    seq: NDArray[np.int64],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    kind: int,
    expect: Expectations,
    multiplier: float,
    price_factor: float,
    size_factor: float,
    state: Rows,
    out: Rows,
) -> tuple[int, int]:
    """Fold trades into imbalance bars and return (trades consumed, bars written), as `bars.fold_bars` does.

    With b_t the sign of a trade (the vendor's side, else the tick rule) and v_t one, its size or its money, a bar
    closes on the first trade by which |θ_T| = |Σ b_t v_t| ≥ E0[T] · |E0[b v]| (AFML 2.3.2.1, 2.3.2.2; for ticks
    E0[b v] is the book's 2P[b=1] - 1, for sizes its 2v⁺ - E0[v]). What the book leaves open is read so:

    - E0[T] is the average of the trades of prior bars, `initial_ticks` before there is one.
    - E0[b v] is the average of b_t v_t over all trades up to the end of the prior bar. The first `initial_ticks` trades
      are the warm-up: nothing closes before the last of them, and what they give stands for the rest of the first bar.
    - Trades without a side before the first price change have b_t = 0; they count in T and in the average.
    - At the threshold is enough, as in the book (mlfinpy asks for more). One of zero, as from buys and sells in perfect
      balance, is reached by every trade.

    Bounds hold the recursion where it would leave them. Every bar has at least `min_ticks` and at most `max_ticks`
    trades: n trades make between ⌊n / max_ticks⌋ and ⌊n / min_ticks⌋ bars, on any stream. A bar closed by `max_ticks`
    also ends the warm-up.

    Parameters
    ----------
    ts, seq, price, size, side, multiplier, price_factor, size_factor : as of `bars.fold_bars`; volumes are adjusted
        units, money is as traded. A trade of size zero counts as a trade and adds nothing.
    kind : `TICK`, `VOLUME` or `DOLLAR`.
    expect : from `expectations`.
    state : changed in place; from `initial_state` of the same `expect`.
    out : (at least 1, len(`OUT_COLUMNS`)) one row a bar.
    """
    n, capacity, written, begun, i = ts.shape[0], out.shape[0], 0, 0, 0
    bar, own = state[:_BAR], state[_BAR:_OWN]
    rings = _OWN + AVERAGE_SIZE + int(expect.memory_bars)
    over_bars, over_ticks = state[_OWN:rings], state[rings:].reshape(2, int(expect.memory_ticks))
    rule = (bar[open_bar.LAST], bar[open_bar.SIGN])
    block = np.empty((2, min(n, BLOCK)))
    while i < n and written < capacity:
        first, stop = i, min(n, i + BLOCK)
        rule = signed_flow(
            price[i:stop], size[i:stop], side[i:stop], kind, multiplier, price_factor, size_factor, rule, block
        )
        while i < stop and written < capacity:
            taken, is_closed = _to_the_close(block[:, i - first : stop - first], expect, own, over_ticks)
            i += taken
            if is_closed:
                open_bar.close(
                    ts[begun:i], seq[begun:i], price[begun:i], size[begun:i], side[begun:i],
                    multiplier, price_factor, size_factor, bar, out[written:],
                )  # fmt: skip
                out[written, _THRESHOLD] = own[2]
                written, begun = written + 1, i
                own[3] = expected_ticks_after(own[1], expect, over_bars)
                own[0], own[1], own[2] = 0.0, 0.0, _threshold(own[3], own[5], own[6], own[7], expect.floor)
    open_bar.extend(
        ts[begun:i], seq[begun:i], price[begun:i], size[begun:i], side[begun:i],
        multiplier, price_factor, size_factor, bar, out,
    )  # fmt: skip
    return i, written


@jit
def _threshold(expected_ticks: float, signed: float, sizes: float, weights: float, floor: float) -> float:
    by_chance = floor * math.sqrt(expected_ticks) * (sizes / weights)
    return max(expected_ticks * abs(signed / weights), by_chance)


@jit
def _to_the_close(block: Rows, expect: Expectations, own: Rows, rings: Rows) -> tuple[int, bool]:
    # returns the trades up to the one that closes the bar, and whether there is one
    flow, size = block[0], block[1]
    imbalance, ticks, threshold, expected = own[0], own[1], own[2], own[3]
    seen, signed, sizes, weights = own[4], own[5], own[6], own[7]
    initial, least, most = expect.initial_ticks, expect.min_ticks, expect.max_ticks
    kept, memory, place = kept_of(expect.span_ticks), rings.shape[1], 0
    lost, signed_old, size_old, weight_old = 0.0, 0.0, 0.0, 0.0
    if memory > 0:
        lost, place = kept**memory, int(seen) % memory
    is_warm, is_closed, taken = not np.isnan(threshold), False, flow.shape[0]
    for j in range(flow.shape[0]):
        x, value = flow[j], size[j]
        if memory > 0:
            signed_old, size_old = lost * rings[0, place], lost * rings[1, place]
            weight_old = lost if seen >= memory else 0.0
            rings[0, place], rings[1, place] = x, value
            place = place + 1 if place + 1 < memory else 0
        signed = kept * signed + (x - signed_old)
        sizes = kept * sizes + (value - size_old)
        weights = kept * weights + (1.0 - weight_old)
        imbalance += x
        ticks += 1.0
        seen += 1.0
        if not is_warm and (seen >= initial or ticks >= most):
            is_warm, threshold = True, _threshold(expected, signed, sizes, weights, expect.floor)
        if ticks >= most or (abs(imbalance) >= threshold and ticks >= least):
            is_closed, taken = True, j + 1
            break
    own[0], own[1], own[2] = imbalance, ticks, threshold
    own[4], own[5], own[6], own[7] = seen, signed, sizes, weights
    return taken, is_closed


def _fold(kind: int, expect: Expectations) -> Fold:
    def run(arrays: tuple[Array, ...], state: Rows) -> Rows:
        ts, seq, price, size, side = arrays
        out = np.empty((ts.shape[0] + 1, len(OUT_COLUMNS)))
        _, written = fold_imbalance_bars(ts, seq, price, size, side, kind, expect, 2.0, 0.5, 2.0, state, out)
        return out[:written]

    return Fold(("ts_us", "seq", "price", "size", "side"), lambda: initial_state(expect), run)


_BOOK: Final = expectations(20, span_bars=3, span_ticks=40)
_FORGETFUL: Final = expectations(20, span_bars=3, span_ticks=15, memory_spans=1, expected_ticks=(20, 20))
_BOUNDED: Final = expectations(20, span_bars=3, span_ticks=40, bar_ticks=(5, 60), floor=1)

TICK_IMBALANCE: Final = _fold(TICK, _BOOK)
VOLUME_IMBALANCE: Final = _fold(VOLUME, _FORGETFUL)
DOLLAR_IMBALANCE: Final = _fold(DOLLAR, _BOUNDED)
