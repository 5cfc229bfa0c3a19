"""Time bars of several intervals in one pass over the trades, on the grid of the epoch or of sessions."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.kernels import bars

OUT_COLUMNS: Final = ("interval", *bars.OUT_COLUMNS)
"""What a bar's row holds: the position of its interval, then what `bars.OUT_COLUMNS` says."""

WHOLE_SESSION: Final = np.iinfo(np.int64).max
"""An interval that ends with its session."""

_SHARED: Final = 7
_BLOCK: Final = 15
_SCRATCH: Final = 256


def initial_state(n_intervals: int) -> Rows:
    """Return the state before the first trade; its bytes are a checkpoint.

    By position: price of the last trade and the tick rule's sign, also of trades outside all sessions; close, time, seq
    and price factor of the last trade inside one; end of the bar that ends first. Then for each interval: trades, high,
    low, open, volume, money, price times volume, buy and sell volume, buys, sells, time and seq of the first trade,
    start and end.
    """
    state = np.zeros(_SHARED + n_intervals * _BLOCK)
    state[0] = state[2] = np.nan
    blocks = state[_SHARED:].reshape(n_intervals, _BLOCK)
    blocks[:, 1], blocks[:, 2] = -np.inf, np.inf
    return state


@jit
def close_until(until: int, state: NDArray[np.float64], out: NDArray[np.float64]) -> int:
    """Write the open bars that end by `until` into `out` (a row an interval), in order of intervals; return how many.

    A live session calls it when its clock passes an end and no trade has come; a later trade in a bar so closed would
    be late data.
    """
    written, n_intervals = 0, (state.shape[0] - _SHARED) // _BLOCK
    for j in range(n_intervals):
        bar = state[_SHARED + j * _BLOCK : _SHARED + (j + 1) * _BLOCK]
        if bar[0] == 0.0 or bar[14] > until:
            continue
        row = out[written]
        row[0], row[1], row[2], row[3], row[4] = j, bar[13], bar[14], 0.0, bar[3]
        row[5], row[6], row[7], row[8] = bar[1], bar[2], state[2], bar[4]
        row[9], row[10], row[11] = bar[5], bar[0], bar[6] / bar[4]
        row[12], row[13], row[14], row[15], row[16] = bar[7], bar[8], bar[9], bar[10], state[5]
        row[17], row[18], row[19], row[20] = bar[11], bar[12], state[3], state[4]
        bar[:] = 0.0
        bar[1], bar[2] = -np.inf, np.inf
        written += 1
    return written


def end_at(until: int, state: NDArray[np.float64]) -> None:
    """Let the open bars end at `until` at the latest; one that begins there or later is dropped."""
    for bar in state[_SHARED:].reshape(-1, _BLOCK):
        if bar[0] > 0.0 and bar[13] >= until:
            bar[:] = 0.0
            bar[1], bar[2] = -np.inf, np.inf
        elif bar[0] > 0.0:
            bar[14] = min(bar[14], np.float64(until))


@jit
def _first_at(times: NDArray[np.int64], moment: int, begin: int) -> int:
    """Return the first place from `begin` on whose time is not before `moment`; searchsorted takes 0.4 s to compile."""
    end = times.shape[0]
    while begin < end:
        middle = (begin + end) // 2
        if times[middle] < moment:
            begin = middle + 1
        else:
            end = middle
    return begin


@jit
def fold_time_bars(
    ts: NDArray[np.int64],
    seq: NDArray[np.int64],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    intervals: NDArray[np.int64],
    anchors: NDArray[np.int64],
    opens: NDArray[np.int64],
    closes: NDArray[np.int64],
    multiplier: float,
    price_factor: float,
    size_factor: float,
    state: NDArray[np.float64],
    out: NDArray[np.float64],
) -> tuple[int, int]:
    """Fold trades into time bars of every interval; return (trades consumed, bars written); open bars stay in `state`.

    A bar holds the trades in [start, end): start lies a multiple of its interval after the anchor of its session, and
    no bar goes beyond the session's close. Trades outside all sessions are in no bar; the tick rule remembers their
    prices. A bar is written when the first trade at or after its end arrives, bars that end by one trade in order of
    intervals. Stretches without trades give no bar. Every row equals, bit for bit, the time bar of `bars.fold_bars` on
    that grid: sums run trade by trade, never from finer bars to coarser ones.

    Fewer trades are consumed than given only if `out` has less room than one row an interval: save its rows and call
    again with the rest.

    Parameters
    ----------
    ts, seq : (n,) microseconds since the epoch, non-decreasing, and the order within one time.
    price, size : (n,) as traded, positive, no NaN.
    side : (n,) +1 buy, -1 sell, 0 unknown: then the tick rule's.
    intervals : (k,) microseconds; `WHOLE_SESSION` ends with the session.
    anchors, opens, closes : (m,) each session's origin of the grid, first microsecond, and first microsecond after it;
        in order and without overlap.
    multiplier, price_factor, size_factor : as in `bars.fold_bars`.
    state : from `initial_state`, changed in place.
    out : (at least k, len(`OUT_COLUMNS`)) one row a bar.
    """
    n, k, m, capacity, written, i = ts.shape[0], intervals.shape[0], opens.shape[0], out.shape[0], 0, 0
    blocks = state[_SHARED:].reshape(k, _BLOCK)
    scratch = np.empty((5, _SCRATCH))
    amounts, notionals, moneys, bought, sold = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    session = _first_at(closes, ts[0] + 1, 0) if n else 0
    while i < n:
        now = ts[i]
        if now >= state[6]:
            if capacity - written < k:
                break
            written += close_until(now, state, out[written:])
        while session < m and now >= closes[session]:
            session += 1
        is_inside = session < m and now >= opens[session]
        if not is_inside:
            stop = n if session == m else _first_at(ts, opens[session], i)
            last, direction = state[0], state[1]
            for j in range(i, stop):
                p = price[j] * price_factor
                direction = 1.0 if p > last else (-1.0 if p < last else direction)
                last = p
            state[0], state[1] = last, direction
            i = stop
            continue
        end = closes[session]
        for j in range(k):
            if blocks[j, 0] == 0.0:
                since = now - anchors[session]
                start = now - since % intervals[j]
                is_cut = closes[session] - start <= intervals[j]
                blocks[j, 3] = price[i] * price_factor
                blocks[j, 11], blocks[j, 12] = np.float64(now), np.float64(seq[i])
                blocks[j, 13] = np.float64(start)
                blocks[j, 14] = np.float64(closes[session] if is_cut else start + intervals[j])
            end = min(end, np.int64(blocks[j, 14]))
        state[6] = np.float64(end)
        # all that does not differ between intervals is counted once, a block of trades at a time
        while i < n and ts[i] < end:
            last, direction, high, low, n_buys, n_sells = state[0], state[1], -np.inf, np.inf, 0.0, 0.0
            times, prices, sizes, sides = ts[i:n], price[i:n], size[i:n], side[i:n]
            taken = min(n - i, _SCRATCH)
            for j in range(taken):
                if times[j] >= end:
                    taken = j
                    break
                p = prices[j] * price_factor
                q = sizes[j] * size_factor
                rise, fall = p > last, p < last
                direction = 1.0 if rise else (-1.0 if fall else direction)
                signed = np.float64(sides[j]) if sides[j] != 0 else direction
                is_buy = 1.0 if signed > 0.0 else 0.0
                is_sell = 1.0 if signed < 0.0 else 0.0
                last = p
                high = p if p > high else high
                low = p if p < low else low
                n_buys += is_buy
                n_sells += is_sell
                amounts[j], notionals[j], moneys[j] = q, p * q, prices[j] * sizes[j] * multiplier
                bought[j], sold[j] = q * is_buy, q * is_sell
            for j in range(k):
                bar = blocks[j]
                volume, dollars, notional, buys, sells = bar[4], bar[5], bar[6], bar[7], bar[8]
                for x in range(taken):
                    volume += amounts[x]
                    dollars += moneys[x]
                    notional += notionals[x]
                    buys += bought[x]
                    sells += sold[x]
                bar[4], bar[5], bar[6], bar[7], bar[8] = volume, dollars, notional, buys, sells
                bar[0] += taken
                bar[1], bar[2] = max(bar[1], high), min(bar[2], low)
                bar[9] += n_buys
                bar[10] += n_sells
            i += taken
            state[0], state[1], state[2] = last, direction, last
            state[3], state[4], state[5] = np.float64(ts[i - 1]), np.float64(seq[i - 1]), price_factor
    return i, written


_MINUTE_US: Final = 60_000_000
_DAY_US: Final = 86_400_000_000
EPOCH: Final = np.zeros(1, np.int64), np.full(1, -(2**62)), np.full(1, 2**62)
"""The grid of the epoch as one session without end: anchors, opens, closes."""


def _fold_of(intervals: tuple[int, ...], grid: tuple[Array, Array, Array]) -> Fold:
    def run(arrays: tuple[Array, ...], state: Rows) -> Rows:
        ts, seq, price, size, side = arrays
        found, out, i = [], np.empty((1_024, len(OUT_COLUMNS))), 0
        while i < ts.shape[0]:
            rest = ts[i:], seq[i:], price[i:], size[i:], side[i:]
            consumed, written = fold_time_bars(*rest, np.array(intervals), *grid, 1.0, 1.0, 1.0, state, out)
            found.append(out[:written].copy())
            i += consumed
        return np.concatenate(found) if found else out[:0]

    return Fold(("ts_us", "seq", "price", "size", "side"), lambda: initial_state(len(intervals)), run)


def _half_hours_of_each_hour() -> tuple[Array, Array, Array]:
    opens = np.arange(0, 100 * 365 * _DAY_US, 60 * _MINUTE_US) + 15 * _MINUTE_US
    return opens, opens, opens + 30 * _MINUTE_US


TIME_BARS: Final = _fold_of((_MINUTE_US, 5 * _MINUTE_US, 60 * _MINUTE_US, _DAY_US), EPOCH)
SESSION_TIME_BARS: Final = _fold_of((_MINUTE_US, 7 * _MINUTE_US, WHOLE_SESSION), _half_hours_of_each_hour())
