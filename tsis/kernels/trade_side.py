"""Who began a trade: the tick rule, and the rule of Lee and Ready."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

NONE: Final = 0
VENDOR: Final = 1
QUOTE: Final = 2
TICK: Final = 3
"""Which rule decided the side of a trade; `NONE` where no price has changed yet and nothing else is known."""

_SAME_PRICE_FRAC: Final = 1e-12  # the midpoint of two prices in binary is off by some units in the 16th digit


def initial_tick_state() -> Rows:
    """Return the state before the first trade: price of the last trade (NaN), sign of the last price change (0)."""
    return np.array([np.nan, 0.0])


@jit
def tick_rule(price: NDArray[np.float64], state: NDArray[np.float64], side: NDArray[np.int8]) -> None:
    """Write the sign of the last change of price: +1 a buy, -1 a sell, 0 before the first change (AFML 2.3.2).

    Parameters
    ----------
    price : (n,) of the trades in order; comparable over time (adjusted), no NaN.
    state : (2,) from `initial_tick_state`, changed in place.
    side : (n,) written.
    """
    last, direction = state[0], state[1]
    for i in range(price.shape[0]):
        direction = 1.0 if price[i] > last else (-1.0 if price[i] < last else direction)
        last = price[i]
        side[i] = np.int8(direction)
    state[0], state[1] = last, direction


def initial_quote_state() -> Rows:
    """Return the state before the first quote: bid and its time, ask and its time, all NaN."""
    return np.full(4, np.nan)


@jit
def two_sided_quotes(
    ts: NDArray[np.int64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    state: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the bid and the ask that stand after each message, and the time of the older one.

    A side that a message lacks (NaN) stands as it was; all three are NaN until both sides have been seen.

    Parameters
    ----------
    ts : (n,) microseconds since the epoch, non-decreasing.
    bid, ask : (n,) NaN where a message has no such side.
    state : (4,) from `initial_quote_state`, changed in place.
    out : (n, 3) bid, ask, time of the older side in microseconds.
    """
    best_bid, bid_ts, best_ask, ask_ts = state[0], state[1], state[2], state[3]
    for i in range(ts.shape[0]):
        now = np.float64(ts[i])
        if not np.isnan(bid[i]):
            best_bid, bid_ts = bid[i], now
        if not np.isnan(ask[i]):
            best_ask, ask_ts = ask[i], now
        is_complete = not (np.isnan(bid_ts) or np.isnan(ask_ts))
        out[i, 0] = best_bid if is_complete else np.nan
        out[i, 1] = best_ask if is_complete else np.nan
        out[i, 2] = min(bid_ts, ask_ts) if is_complete else np.nan
    state[0], state[1], state[2], state[3] = best_bid, bid_ts, best_ask, ask_ts


@jit
def lee_ready(
    price: NDArray[np.float64],
    vendor_side: NDArray[np.int8],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    state: NDArray[np.float64],
    side: NDArray[np.int8],
    rule: NDArray[np.int8],
) -> None:
    """Write the side of each trade and which rule decided it (Lee and Ready 1991).

    The vendor's side where there is one; else a trade above the midpoint of the prevailing quote is a buy, one below it
    a sell. At the midpoint, and where the quote is absent, locked or crossed, the tick rule decides. Its memory is the
    prices alone: neither a vendor's side nor a quote enters it.

    Parameters
    ----------
    price : (n,) of the trades in order, no NaN.
    vendor_side : (n,) +1 buy, -1 sell, 0 where the vendor does not say.
    bid, ask : (n,) the quote that prevails at each trade, in the unit of `price`; NaN where there is none.
    state : (2,) from `initial_tick_state`, changed in place.
    side, rule : (n,) written; `rule` is one of `NONE`, `VENDOR`, `QUOTE`, `TICK`.
    """
    last, direction = state[0], state[1]
    for i in range(price.shape[0]):
        p = price[i]
        direction = 1.0 if p > last else (-1.0 if p < last else direction)
        last = p
        above = p - 0.5 * (bid[i] + ask[i])
        # a comparison with NaN is false: an absent quote falls through to the tick rule
        is_off_midpoint = bid[i] < ask[i] and abs(above) > _SAME_PRICE_FRAC * p
        by_tick = TICK if direction != 0.0 else NONE
        by_quote = np.int8(1 if above > 0.0 else -1) if is_off_midpoint else np.int8(direction)
        side[i] = vendor_side[i] if vendor_side[i] != 0 else by_quote
        rule[i] = VENDOR if vendor_side[i] != 0 else (QUOTE if is_off_midpoint else by_tick)
    state[0], state[1] = last, direction


def _run_tick_rule(arrays: tuple[Array, ...], state: Rows) -> Rows:
    side = np.empty(arrays[0].shape[0], np.int8)
    tick_rule(arrays[0], state, side)
    return side[:, np.newaxis].astype(np.float64)


def _run_two_sided_quotes(arrays: tuple[Array, ...], state: Rows) -> Rows:
    ts, bid, ask = arrays
    out = np.empty((ts.shape[0], 3))
    two_sided_quotes(ts, bid, ask, state, out)
    return out


def _run_lee_ready(arrays: tuple[Array, ...], state: Rows) -> Rows:
    price, side, bid, ask = arrays
    found = np.empty((2, price.shape[0]), np.int8)
    lee_ready(price, side, bid, ask, state, found[0], found[1])
    return found.T.astype(np.float64)


TICK_RULE: Final = Fold(("price",), initial_tick_state, _run_tick_rule)
TWO_SIDED_QUOTES: Final = Fold(("ts_us", "bid", "ask"), initial_quote_state, _run_two_sided_quotes)
LEE_READY: Final = Fold(("price", "side", "bid", "ask"), initial_tick_state, _run_lee_ready)
