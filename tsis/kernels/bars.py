"""Bars from trades: time, tick, volume and dollar bars in one resumable fold."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

TIME: Final = 0
TICK: Final = 1
VOLUME: Final = 2
DOLLAR: Final = 3

STATE_SIZE: Final = 19
OUT_COLUMNS: Final = (
    "ts_open", "ts_close", "seq", "open", "high", "low", "close", "volume", "dollar_volume", "n_ticks", "vwap",
    "buy_volume", "sell_volume", "n_buys", "n_sells", "price_factor",
    "raw_ts_first", "raw_seq_first", "raw_ts_last", "raw_seq_last",
)  # fmt: skip
"""What a bar's row holds, by column; times and counts are whole numbers, exact in float64."""

_NEVER: Final = np.iinfo(np.int64).max
_BEFORE_ALL_TIMES: Final = -(2.0**62)


def initial_state() -> NDArray[np.float64]:
    """Return the state before the first trade; its bytes are a checkpoint.

    By position: trades, high, low, open and close so far; volume, money and price times volume; buy and sell volume;
    buys and sells; the tick rule's sign; time and seq of the first and the last trade; price factor; end of the
    interval.
    """
    state = np.zeros(STATE_SIZE)
    state[1], state[2], state[4], state[18] = -np.inf, np.inf, np.nan, _BEFORE_ALL_TIMES
    return state


@jit
def close_interval(interval: int, state: NDArray[np.float64], out: NDArray[np.float64]) -> int:
    """Write the open time bar into `out` (1 row), because the driver knows that its interval is over; return 1 or 0.

    A live session calls it when the clock passes the end and no trade has come; a later trade in the same interval
    would be late data. Returns 0 if the interval has no trade.
    """
    if state[0] == 0.0:
        return 0
    _write(out[0], state[18] - interval, state[18], 0.0, state)
    _reset(state)
    return 1


@jit
def _write(row: NDArray[np.float64], ts_open: float, ts_close: float, seq: float, state: NDArray[np.float64]) -> None:
    row[0], row[1], row[2], row[3] = ts_open, ts_close, seq, state[3]
    row[4], row[5], row[6], row[7] = state[1], state[2], state[4], state[5]
    row[8], row[9], row[10] = state[6], state[0], state[7] / state[5]
    row[11], row[12], row[13], row[14], row[15] = state[8], state[9], state[10], state[11], state[17]
    row[16], row[17], row[18], row[19] = state[13], state[14], state[15], state[16]


@jit
def _reset(state: NDArray[np.float64]) -> None:
    state[0], state[1], state[2] = 0.0, -np.inf, np.inf
    for j in range(5, 12):
        state[j] = 0.0


@jit
def fold_bars(
    ts: NDArray[np.int64],
    seq: NDArray[np.int64],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    kind: int,
    threshold: float,
    multiplier: float,
    price_factor: float,
    size_factor: float,
    state: NDArray[np.float64],
    out: NDArray[np.float64],
) -> tuple[int, int]:
    """Fold trades into bars and return (trades consumed, bars written); the open bar stays in `state`.

    A tick, volume or dollar bar closes on the trade by which its sum reaches `threshold` (AFML 2.3.1), and that whole
    trade belongs to it. A time bar holds the trades in [start, end), start a multiple of the interval since the
    epoch; it is written when the first trade at or after its end arrives; intervals without trades give no bar. Fewer
    trades are consumed than given only if `out` is full: save its rows and call again with the rest.

    Buys and sells are the vendor's, else the tick rule's: the sign of the last price change, neither before the first
    change (AFML 2.3.2). The rule's memory is the prices alone; a vendor's side does not enter it.

    Parameters
    ----------
    ts, seq : (n,) microseconds since the epoch, non-decreasing, and the order within one time.
    price, size : (n,) as traded, positive, no NaN.
    side : (n,) +1 where the vendor says buy, -1 sell, 0 unknown.
    kind : `TIME`, `TICK`, `VOLUME` or `DOLLAR`.
    threshold : whole microseconds, trades, adjusted units, or quote currency (price times size times `multiplier`).
    price_factor, size_factor : what prices and sizes are multiplied with; sums of money are as traded.
    state : (`STATE_SIZE`,) changed in place; from `initial_state`.
    out : (at least 1, len(`OUT_COLUMNS`)) one row a bar.
    """
    interval = np.int64(threshold) if kind == TIME else np.int64(1)
    limit = np.inf if kind == TIME else threshold
    n, capacity, written, i = ts.shape[0], out.shape[0], 0, 0
    while i < n:
        end = np.int64(state[18]) if kind == TIME else np.int64(_NEVER)
        if ts[i] >= end:
            if written == capacity:
                break
            written += close_interval(int(interval), state, out[written:])
            end = (ts[i] // interval + 1) * interval
            state[18] = np.float64(end)
        ticks, high, low, first, last = state[0], state[1], state[2], state[3], state[4]
        volume, dollars, notional = state[5], state[6], state[7]
        buys, sells, n_buys, n_sells, direction = state[8], state[9], state[10], state[11], state[12]
        if ticks == 0.0:
            first = price[i] * price_factor
            state[13], state[14] = np.float64(ts[i]), np.float64(seq[i])
        is_closed = False
        # slices and a range: no sign test of the index at every access
        times, prices, sizes, sides = ts[i:n], price[i:n], size[i:n], side[i:n]
        taken = n - i
        for j in range(n - i):
            if times[j] >= end:
                taken = j
                break
            p = prices[j] * price_factor
            q = sizes[j] * size_factor
            # selects, no branches on the price: one mispredicted branch costs more than the whole row
            rise, fall = p > last, p < last
            direction = 1.0 if rise else (-1.0 if fall else direction)
            signed = np.float64(sides[j]) if sides[j] != 0 else direction
            is_buy = 1.0 if signed > 0.0 else 0.0
            is_sell = 1.0 if signed < 0.0 else 0.0
            last = p
            high = p if p > high else high
            low = p if p < low else low
            ticks += 1.0
            volume += q
            notional += p * q
            dollars += prices[j] * sizes[j] * multiplier
            buys += q * is_buy
            sells += q * is_sell
            n_buys += is_buy
            n_sells += is_sell
            total = dollars if kind == DOLLAR else (volume if kind == VOLUME else ticks)
            if total >= limit:
                is_closed = True
                taken = j + 1
                break
        i += taken
        state[0], state[1], state[2], state[3], state[4] = ticks, high, low, first, last
        state[5], state[6], state[7] = volume, dollars, notional
        state[8], state[9], state[10], state[11], state[12] = buys, sells, n_buys, n_sells, direction
        state[15], state[16], state[17] = np.float64(ts[i - 1]), np.float64(seq[i - 1]), price_factor
        if is_closed:
            _write(out[written], state[13], state[15], state[16], state)
            _reset(state)
            written += 1
            if written == capacity:
                break
    return i, written


def _bars(kind: int, threshold: float) -> Fold:
    def run(arrays: tuple[Array, ...], state: Rows) -> Rows:
        ts_us, seq, price, size, side = arrays
        out = np.empty((ts_us.shape[0], len(OUT_COLUMNS)))
        _, written = fold_bars(ts_us, seq, price, size, side, kind, threshold, 2.0, 0.5, 2.0, state, out)
        return out[:written]

    return Fold(("ts_us", "seq", "price", "size", "side"), initial_state, run)


TIME_BARS: Final = _bars(TIME, 60e6)
TICK_BARS: Final = _bars(TICK, 7.0)
VOLUME_BARS: Final = _bars(VOLUME, 150.0)
DOLLAR_BARS: Final = _bars(DOLLAR, 60_000.0)
