"""Tick, volume and dollar runs bars in one resumable fold."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.kernels import bars, open_bar
from tsis.kernels.bars import DOLLAR, TICK, VOLUME
from tsis.kernels.expectations import AVERAGE_SIZE, Expectations, expectations, expected_ticks_after, kept_of, observe
from tsis.kernels.signed_flow import BLOCK, signed_flow

OUT_COLUMNS: Final = (*bars.OUT_COLUMNS, "threshold")
"""The columns of all bars, and what the run had to reach when the bar closed."""

_THRESHOLD: Final = len(bars.OUT_COLUMNS)
_BAR: Final = bars.STATE_SIZE
_OWN: Final = _BAR + 14


def initial_state(expect: Expectations) -> Rows:
    """Return the state before the first trade; its bytes are a checkpoint.

    The open bar as in `bars.initial_state`; then the bar's size bought, its trades, threshold (NaN in the warm-up),
    E0[T], P[b=1], size sold and buys; for buys, then for sells, how many were seen and the weighted sums of sizes and
    of weights; trades seen; the averages over bars of trades and of the share of buys; where the memory ends, the rings
    of the last sizes bought and of those sold.
    """
    n_bars, n_ticks = int(expect.memory_bars), int(expect.memory_ticks)
    state = np.zeros(_OWN + 2 * (AVERAGE_SIZE + n_bars) + 2 * n_ticks)
    state[:_BAR] = bars.initial_state()
    state[_BAR + 2], state[_BAR + 3] = np.nan, expect.initial_ticks
    return state


@jit
def fold_runs_bars(
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
    """Fold trades into runs bars and return (trades consumed, bars written), as `bars.fold_bars` does.

    With b_t the sign of a trade (the vendor's side, else the tick rule) and v_t one, its size or its money, a bar
    closes on the first trade by which θ_T = max(Σ_{b=1} v_t, Σ_{b=-1} v_t) ≥ E0[T] · max(P[b=1] E0[v|b=1],
    (1 - P[b=1]) E0[v|b=-1]) (AFML 2.3.2.3, 2.3.2.4; a run may be interrupted, as there). What the book leaves open is
    read so:

    - E0[T] is the average of the trades of prior bars, `initial_ticks` before there is one.
    - P[b=1] is the average of the share of buys in prior bars; in the first bar, the share in its warm-up.
    - E0[v|b] is the average over all trades of that side up to the end of the prior bar, 0 before there is one. The
      first `initial_ticks` trades are the warm-up: nothing closes before the last of them, nor before `side_ticks`
      trades of either side, and what they give stands for the rest of the first bar.
    - Trades without a side before the first price change are on neither; they count in T and in the share.
    - A threshold of zero is reached by every trade.

    Bounds hold the recursion where it would leave them. Every bar has at least `min_ticks` and at most `max_ticks`
    trades: n trades make between ⌊n / max_ticks⌋ and ⌊n / min_ticks⌋ bars, on any stream. A bar closed by `max_ticks`
    also ends the warm-up. `floor` has no part: what one side is expected to do is never less than half of all.

    Parameters
    ----------
    ts, seq, price, size, side, multiplier, price_factor, size_factor : as of `bars.fold_bars`; volumes are adjusted
        units, money is as traded. A trade of size zero counts in T, on neither side.
    kind : `TICK`, `VOLUME` or `DOLLAR`.
    expect : from `expectations`.
    state : changed in place; from `initial_state` of the same `expect`.
    out : (at least 1, len(`OUT_COLUMNS`)) one row a bar.
    """
    n, capacity, written, begun, i = ts.shape[0], out.shape[0], 0, 0, 0
    bar, own = state[:_BAR], state[_BAR:_OWN]
    shares = _OWN + AVERAGE_SIZE + int(expect.memory_bars)
    rings = 2 * shares - _OWN
    over_bars, over_shares = state[_OWN:shares], state[shares:rings]
    over_ticks = state[rings:].reshape(2, int(expect.memory_ticks))
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
                own[4] = observe(own[6] / own[1], expect.span_bars, over_shares)
                own[3] = expected_ticks_after(own[1], expect, over_bars)
                own[2] = _threshold(own[3], own[4], own[8], own[9], own[11], own[12])
                own[0], own[1], own[5], own[6] = 0.0, 0.0, 0.0, 0.0
    open_bar.extend(
        ts[begun:i], seq[begun:i], price[begun:i], size[begun:i], side[begun:i],
        multiplier, price_factor, size_factor, bar, out,
    )  # fmt: skip
    return i, written


@jit
def _threshold(
    expected_ticks: float, share: float, bought: float, buy_weights: float, sold: float, sell_weights: float
) -> float:
    buy = bought / buy_weights if buy_weights > 0.0 else 0.0
    sell = sold / sell_weights if sell_weights > 0.0 else 0.0
    return expected_ticks * max(share * buy, (1.0 - share) * sell)


@jit
def _to_the_close(block: Rows, expect: Expectations, own: Rows, rings: Rows) -> tuple[int, bool]:
    # returns the trades up to the one that closes the bar, and whether there is one
    flow, size = block[0], block[1]
    run_up, ticks, threshold, expected, run_down, n_buys = own[0], own[1], own[2], own[3], own[5], own[6]
    buys, bought, buy_weights, sells, sold, sell_weights = own[7], own[8], own[9], own[10], own[11], own[12]
    seen, initial, least, most = own[13], expect.initial_ticks, expect.min_ticks, expect.max_ticks
    kept, memory = kept_of(expect.span_ticks), rings.shape[1]
    lost = kept**memory if memory > 0 else 0.0
    is_warm, is_closed, taken = not np.isnan(threshold), False, flow.shape[0]
    for j in range(flow.shape[0]):
        is_buy, is_sell, added, weight = flow[j] > 0.0, flow[j] < 0.0, size[j], 1.0
        if memory > 0 and (is_buy or is_sell):
            row, count = (0, int(buys)) if is_buy else (1, int(sells))
            added -= lost * rings[row, count % memory]
            weight -= lost if count >= memory else 0.0
            rings[row, count % memory] = size[j]
        bought = kept * bought + added if is_buy else bought
        buy_weights = kept * buy_weights + weight if is_buy else buy_weights
        sold = kept * sold + added if is_sell else sold
        sell_weights = kept * sell_weights + weight if is_sell else sell_weights
        run_up += size[j] if is_buy else 0.0
        run_down += size[j] if is_sell else 0.0
        n_buys += 1.0 if is_buy else 0.0
        buys += 1.0 if is_buy else 0.0
        sells += 1.0 if is_sell else 0.0
        ticks += 1.0
        seen += 1.0
        if not is_warm and (ticks >= most or (seen >= initial and min(buys, sells) >= expect.side_ticks)):
            is_warm, threshold = True, _threshold(expected, n_buys / ticks, bought, buy_weights, sold, sell_weights)
        if ticks >= most or (max(run_up, run_down) >= threshold and ticks >= least):
            is_closed, taken = True, j + 1
            break
    own[0], own[1], own[2], own[5], own[6] = run_up, ticks, threshold, run_down, n_buys
    own[7], own[8], own[9], own[10], own[11], own[12] = buys, bought, buy_weights, sells, sold, sell_weights
    own[13] = seen
    return taken, is_closed


def _fold(kind: int, expect: Expectations) -> Fold:
    def run(arrays: tuple[Array, ...], state: Rows) -> Rows:
        ts, seq, price, size, side = arrays
        out = np.empty((ts.shape[0] + 1, len(OUT_COLUMNS)))
        _, written = fold_runs_bars(ts, seq, price, size, side, kind, expect, 2.0, 0.5, 2.0, state, out)
        return out[:written]

    return Fold(("ts_us", "seq", "price", "size", "side"), lambda: initial_state(expect), run)


_BOOK: Final = expectations(20, span_bars=3, span_ticks=40)
_FORGETFUL: Final = expectations(20, span_bars=3, span_ticks=15, memory_spans=1, expected_ticks=(20, 20), side_ticks=20)
_BOUNDED: Final = expectations(20, span_bars=3, span_ticks=40, bar_ticks=(5, 60))

TICK_RUNS: Final = _fold(TICK, _BOOK)
VOLUME_RUNS: Final = _fold(VOLUME, _FORGETFUL)
DOLLAR_RUNS: Final = _fold(DOLLAR, _BOUNDED)
