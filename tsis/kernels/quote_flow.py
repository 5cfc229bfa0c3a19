"""What each quote does to the best prices, and what the quotes of a bar amount to."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

QUOTE_COLUMNS: Final = ("spread_bps", "bid_size", "ask_size", "flow", "good_until")
"""What `quote_flow` says of the quote that stands after each message."""

BAR_COLUMNS: Final = (
    "spread_bps", "spread_close_bps", "bid_size", "ask_size", "depth_imbalance", "order_flow", "n_quotes",
)  # fmt: skip
"""What `measure_bars` says of each bar."""

_SUMS: Final = 5
_BAR_STATE: Final = _SUMS + 1 + len(QUOTE_COLUMNS)


def initial_quote_state() -> Rows:
    """Return the state before the first quote: bid, its size and time, ask, its size and time, all NaN."""
    return np.full(6, np.nan)


@jit
def _side_flow(price: float, size: float, price_before: float, size_before: float) -> float:
    """Return what a side gained: the size at a better price, less the one left behind at a worse, else the change."""
    if price > price_before:
        return size
    return -size_before if price < price_before else size - size_before


@jit
def quote_flow(
    ts: NDArray[np.int64],
    bid: NDArray[np.float64],
    bid_size: NDArray[np.float64],
    ask: NDArray[np.float64],
    ask_size: NDArray[np.float64],
    max_age: int,
    state: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write, for each message, the quote that stands after it and its order flow.

    The flow is e of Cont, Kukanov and Stoikov (2014), equation 4: what was added at the best bid or taken from the best
    offer, less the reverse. It is 0 where no fresh quote stood before, and NaN where a size is missing. A side that a
    message lacks stands as it was. The spread is NaN until both sides have been seen and where the bid is above the
    offer.

    Parameters
    ----------
    ts : (n,) microseconds since the epoch, non-decreasing.
    bid, bid_size, ask, ask_size : (n,) NaN where a message has none.
    max_age : microseconds after which a side that was not confirmed is stale.
    state : (6,) from `initial_quote_state`, changed in place.
    out : (n, 5) `QUOTE_COLUMNS`: spread over midpoint in ten thousandths, sizes, flow, last microsecond at which
        neither side is stale.
    """
    best_bid, bid_depth, bid_ts, best_ask, ask_depth, ask_ts = (
        state[0],
        state[1],
        state[2],
        state[3],
        state[4],
        state[5],
    )
    for i in range(ts.shape[0]):
        now = np.float64(ts[i])
        flow = 0.0
        # false where a side is not known yet
        is_fresh = now <= min(bid_ts, ask_ts) + max_age and not np.isnan(bid_ts) and not np.isnan(ask_ts)
        if not np.isnan(bid[i]):
            if is_fresh:
                flow += _side_flow(bid[i], bid_size[i], best_bid, bid_depth)
            best_bid, bid_depth, bid_ts = bid[i], bid_size[i], now
        if not np.isnan(ask[i]):
            if is_fresh:
                flow -= _side_flow(-ask[i], ask_size[i], -best_ask, ask_depth)
            best_ask, ask_depth, ask_ts = ask[i], ask_size[i], now
        is_complete = not np.isnan(bid_ts) and not np.isnan(ask_ts)
        is_priced = is_complete and best_bid <= best_ask
        out[i, 0] = 2e4 * (best_ask - best_bid) / (best_ask + best_bid) if is_priced else np.nan
        out[i, 1] = bid_depth if is_complete else np.nan
        out[i, 2] = ask_depth if is_complete else np.nan
        out[i, 3] = flow
        out[i, 4] = min(bid_ts, ask_ts) + max_age if is_complete else -np.inf
    state[0], state[1], state[2], state[3], state[4], state[5] = (
        best_bid,
        bid_depth,
        bid_ts,
        best_ask,
        ask_depth,
        ask_ts,
    )


def initial_bar_state() -> Rows:
    """Return the state before the first bar of a series.

    Open of the bar that is open (NaN: none), and of its quotes so far: spread times time, time, flow, number; then time
    and `QUOTE_COLUMNS` of the last quote.
    """
    state = np.zeros(_BAR_STATE)
    state[0] = state[_SUMS + 1] = np.nan
    state[_SUMS] = state[_SUMS + 5] = -np.inf
    return state


@jit
def _after(ts: NDArray[np.int64], time: float) -> int:
    """Return the place of the first quote later than `time`."""
    low, high = 0, ts.shape[0]
    while low < high:
        middle = (low + high) // 2
        if np.float64(ts[middle]) > time:
            high = middle
        else:
            low = middle + 1
    return low


@jit
def _take(
    ts: NDArray[np.int64],
    quotes: NDArray[np.float64],
    opened: float,
    i: int,
    stop: int,
    closed: float,
    sums: NDArray[np.float64],
    last: NDArray[np.float64],
) -> None:
    """Take the quotes i to `stop` - 1 into `sums`, and the time from the last of them to `closed` (-inf: not closed).

    A quote's time is added when the next one comes, or the close, so that pieces add the same terms. `last` is the
    quote before i.
    """
    area, time, flow, count = sums[0], sums[1], sums[2], sums[3]
    since, spread, good_until = last[0], last[1], last[5]
    for j in range(i, stop + 1):
        now = np.float64(ts[j]) if j < stop else closed
        stood = min(now, good_until) - max(since, opened)
        if stood > 0.0 and not np.isnan(spread):
            area += spread * stood
            time += stood
        if j < stop:
            flow += quotes[j, 3]
            count += 1.0
            since, spread, good_until = now, quotes[j, 0], quotes[j, 4]
    sums[0], sums[1], sums[2], sums[3] = area, time, flow, count


@jit
def _copy_last(
    ts: NDArray[np.int64], quotes: NDArray[np.float64], stop: int, state: NDArray[np.float64], last: NDArray[np.float64]
) -> None:
    """Write time and columns of the quote before `stop`, which may be that of the state."""
    for c in range(last.shape[0]):
        last[c] = state[_SUMS + c] if stop == 0 else quotes[stop - 1, c - 1]
    if stop > 0:
        last[0] = np.float64(ts[stop - 1])


@jit
def _write(
    opened: float, closed: float, sums: NDArray[np.float64], last: NDArray[np.float64], row: NDArray[np.float64]
) -> None:
    is_known = not np.isnan(opened)
    is_fresh = is_known and closed <= last[5]
    row[0] = sums[0] / sums[1] if sums[1] > 0.0 else np.nan
    row[1] = last[1] if is_fresh else np.nan
    row[2] = last[2] if is_fresh else np.nan
    row[3] = last[3] if is_fresh else np.nan
    row[4] = (last[2] - last[3]) / (last[2] + last[3]) if is_fresh else np.nan
    row[5] = sums[2] if is_fresh or sums[3] > 0.0 else np.nan
    row[6] = sums[3]


@jit
def measure_bars(
    ts: NDArray[np.int64],
    quotes: NDArray[np.float64],
    opens: NDArray[np.float64],
    closes: NDArray[np.float64],
    next_open: float,
    state: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write what the quotes of each bar amount to, those after its open and not after its close.

    The mean spread is taken over the time at which a fresh quote stood, NaN where none did. At the close the last quote
    counts unless it is stale. The flow is NaN where the bar has no quote and none stands at its close.

    Parameters
    ----------
    ts : (n,) of the quotes, all those after the call before and none after the last close and the present.
    quotes : (n, 5) from `quote_flow`.
    opens, closes : (m,) of bars that close after the call before, microseconds. A bar that opened before that time must
        be the open one of that call; where `opens` is NaN nothing is said of it.
    next_open : of the bar that is open after this call, NaN where none is.
    state : from `initial_bar_state`, changed in place.
    out : (m, 7) `BAR_COLUMNS`.
    """
    last, sums = np.empty(_SUMS + 1), np.empty(_SUMS - 1)
    for j in range(opens.shape[0] + 1):
        is_last = j == opens.shape[0]
        opened = next_open if is_last else opens[j]
        closed = -np.inf if is_last else closes[j]
        stop = ts.shape[0] if is_last else _after(ts, closed)
        is_open = opened == state[0]
        first = 0 if is_open else min(_after(ts, opened), stop)
        for c in range(sums.shape[0]):
            sums[c] = state[1 + c] if is_open else 0.0
        if not np.isnan(opened):
            _copy_last(ts, quotes, first, state, last)
            _take(ts, quotes, opened, first, stop, closed, sums, last)
        _copy_last(ts, quotes, stop, state, last)
        if not is_last:
            _write(opened, closed, sums, last, out[j])
    state[0] = next_open
    for c in range(sums.shape[0]):
        state[1 + c] = sums[c]
    for c in range(last.shape[0]):
        state[_SUMS + c] = last[c]


_MINUTE_US: Final = 60_000_000
_MAX_AGE_US: Final = 600_000_000


def _run_quote_flow(arrays: tuple[Array, ...], state: Rows) -> Rows:
    ts, bid, ask, size, volume = arrays
    out = np.empty((ts.shape[0], len(QUOTE_COLUMNS)))
    bids, asks = np.where(size > 30.0, np.nan, bid), np.where(size == 5.0, np.nan, ask)
    quote_flow(ts, bids, size, asks, volume, _MAX_AGE_US, state, out)
    return out


def _run_measure_bars(arrays: tuple[Array, ...], state: Rows) -> Rows:
    ts, bid, ask, size, volume = arrays
    if not ts.shape[0]:
        return np.empty((0, len(BAR_COLUMNS)))
    quotes, bars = state[:6], state[6:]
    said = np.empty((ts.shape[0], len(QUOTE_COLUMNS)))
    quote_flow(ts, bid, size, ask, volume, _MAX_AGE_US, quotes, said)
    minute = (ts - 1) // _MINUTE_US
    begun = minute[0] if np.isnan(bars[0]) else int(bars[0]) // _MINUTE_US
    opens = np.unique(np.append(minute, begun))[:-1].astype(np.float64) * _MINUTE_US
    out = np.empty((opens.shape[0], len(BAR_COLUMNS)))
    measure_bars(ts, said, opens, opens + _MINUTE_US, float(minute[-1]) * _MINUTE_US, bars, out)
    return out


QUOTE_FLOW: Final = Fold(("ts_us", "bid", "ask", "size", "volume"), initial_quote_state, _run_quote_flow)
MEASURE_BARS: Final = Fold(
    ("ts_us", "bid", "ask", "size", "volume"),
    lambda: np.concatenate([initial_quote_state(), initial_bar_state()]),
    _run_measure_bars,
)
