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

_BLOCK: Final = 256  # trades whose terms are written first and summed then, while the nearest cache holds them
_VOLUME, _DOLLARS, _NOTIONAL, _BOUGHT, _SOLD, _RULE = (row * _BLOCK for row in range(6))  # where, in one flat array
_SELL_BITS: Final = 16  # buys and sells are counted in one number, sells above these bits
_SELL: Final = 1 << _SELL_BITS
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
def _terms(
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    side: NDArray[np.int8],
    multiplier: float,
    price_factor: float,
    size_factor: float,
    state: NDArray[np.float64],
    terms: NDArray[np.float64],
    tally: NDArray[np.int64],
) -> None:
    # Two loops of selects, no branches on the data: one mispredicted branch costs more than all work on a trade. The
    # first has one short chain from trade to trade; the second has none, so that the compiler makes it a vector loop.
    last, direction = state[4], state[12]
    for j in range(price.shape[0]):
        p = price[j] * price_factor
        rise, fall = p > last, p < last
        direction = 1.0 if rise else (-1.0 if fall else direction)
        last = p
        terms[_RULE + j] = direction
    for j in range(price.shape[0]):
        ruled, given = terms[_RULE + j], np.float64(side[j])
        signed = ruled if given == 0.0 else given
        q = size[j] * size_factor
        terms[_VOLUME + j] = q
        terms[_DOLLARS + j] = price[j] * size[j] * multiplier
        terms[_NOTIONAL + j] = price[j] * price_factor * q
        terms[_BOUGHT + j] = q if signed > 0.0 else 0.0
        terms[_SOLD + j] = q if signed < 0.0 else 0.0
        tally[j] = (1 if signed > 0.0 else 0) + (_SELL if signed < 0.0 else 0)


@jit
def _stamp(
    ts: NDArray[np.int64],
    seq: NDArray[np.int64],
    kind: int,
    is_first: bool,
    state: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    # Column 18 holds where each bar's last trade is, -1 if before these. Times and seqs are read in a loop of their
    # own: the waits for far memory overlap here, and each would halt the sums.
    if is_first and ts.shape[0] > 0:
        state[13], state[14] = np.float64(ts[0]), np.float64(seq[0])
    ts_first, seq_first = state[13], state[14]
    for row in out:
        i = np.int64(row[18])
        ts_last, seq_last = state[15], state[16]
        if i >= 0:
            ts_last, seq_last = np.float64(ts[i]), np.float64(seq[i])
        if kind != TIME:
            row[0], row[1], row[2] = ts_first, ts_last, seq_last
        row[16], row[17], row[18], row[19] = ts_first, seq_first, ts_last, seq_last
        if i + 1 < ts.shape[0]:
            ts_first, seq_first = np.float64(ts[i + 1]), np.float64(seq[i + 1])
    state[13], state[14] = ts_first, seq_first
    if ts.shape[0] > 0:
        state[15], state[16] = np.float64(ts[-1]), np.float64(seq[-1])


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
    # the sum that closes bars, and the other one; no sum reaches NaN
    watched, unwatched, place = (_VOLUME, _DOLLARS, 5) if kind == VOLUME else (_DOLLARS, _VOLUME, 6)
    limit = threshold if kind in (VOLUME, DOLLAR) else np.nan
    terms, tally = np.empty(6 * _BLOCK), np.empty(_BLOCK, np.int64)
    totals, others = terms[watched : watched + _BLOCK], terms[unwatched : unwatched + _BLOCK]
    notionals, bought, sold = terms[_NOTIONAL:_BOUGHT], terms[_BOUGHT:_SOLD], terms[_SOLD:_RULE]
    is_first = state[0] == 0.0
    n, capacity, written, i = ts.shape[0], out.shape[0], 0, 0
    while i < n:
        start, stop = i, min(n, i + _BLOCK)
        prices = price[start:stop]
        _terms(prices, size[start:stop], side[start:stop], multiplier, price_factor, size_factor, state, terms, tally)
        while i < stop:
            until = stop
            if kind == TIME:
                end = np.int64(state[18])
                if ts[i] >= end:
                    if written == capacity:
                        n = i  # the rest is for the next call
                        break
                    if close_interval(int(interval), state, out[written:]) == 1:
                        out[written, 18] = i - 1
                        written += 1
                    end = (ts[i] // interval + 1) * interval
                    state[18] = np.float64(end)
                until = i
                while until < stop and ts[until] < end:
                    until += 1
            elif kind == TICK and threshold - state[0] < stop - i:
                until = i + max(1, int(np.ceil(threshold - state[0])))
            if state[0] == 0.0:
                state[3] = price[i] * price_factor
            # no more sums than the processor has registers; unsigned, so that no access asks for the index's sign
            high, low, total, other, notional = state[1], state[2], state[place], state[11 - place], state[7]
            buys, sells, counts = state[8], state[9], 0
            first, behind, taken = np.uint64(i - start), np.uint64(until - start), until - i
            for j in range(first, behind):
                p = prices[j] * price_factor
                high = p if p > high else high
                low = p if p < low else low
                notional += notionals[j]
                buys += bought[j]
                sells += sold[j]
                counts += tally[j]
                other += others[j]
                total += totals[j]
                if total >= limit:
                    taken = int(np.int64(j - first)) + 1
                    break
            i += taken
            state[0] += taken
            state[1], state[2], state[place], state[11 - place], state[7] = high, low, total, other, notional
            state[4], state[12], state[17] = price[i - 1] * price_factor, terms[_RULE + i - 1 - start], price_factor
            state[8], state[9] = buys, sells
            state[10] += counts & (_SELL - 1)
            state[11] += counts >> _SELL_BITS
            if total >= limit or (kind == TICK and state[0] >= threshold):
                _write(out[written], 0.0, 0.0, 0.0, state)
                out[written, 18] = i - 1
                _reset(state)
                written += 1
                if written == capacity:
                    n = i
                    break
    _stamp(ts[:i], seq[:i], kind, is_first, state, out[:written])
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
