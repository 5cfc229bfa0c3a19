"""What a session writes down, and the fills of a ticker's entry order and of its position."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tsis.core.jit import jit
from tsis.kernels import account as acc
from tsis.kernels.costs import LONG_RATE, LOT_SIZE, MULTIPLIER, SHORT_RATE, commission, fill_price, fillable
from tsis.kernels.orders import LIMIT

Floats = npt.NDArray[np.float64]

KIND, AT_ROW, TICKER, SIGNAL_ID, REASON, ORDER_TYPE, FILLED_QTY, PRICE, REFERENCE, FEE, BAR_FACTOR = range(11)
QTY_AFTER, ENTRY_AFTER, REALISED_AFTER, SIGNALLED_ROW, FUNDING_PAID = range(11, 16)
RECORD = 16
"""Columns of a record. Quantities in records are as traded, prices as in the bars."""

# no Python integers: numba would compile every function anew for each that it is given
ACCEPTED, REJECTED, ENTERED, CANCELLED, EXITED = map(np.int64, range(5))
"""Kinds of record."""
NO_REASON, STOPPED, TARGET_MET, EXPIRED, DAILY_LOSS_MET, TICKER_HELD, POSITIONS_FULL, BELOW_ONE_LOT, ROLLED = map(
    np.int64, range(9)
)
LEFT, TRAILED, LAPSED = map(np.int64, range(9, 12))
"""Reasons of a record."""


@jit
def record(
    records: Floats,
    n: int,
    state: Floats,
    ticker: int,
    kind: np.int64,
    reason: np.int64,
    signal: float,
    order_type: float,
    qty: float,
    factor: float,
) -> int:
    """Write down row `n` of `records`: what happened to a ticker's order or position, and what is held afterwards."""
    slot = acc.HEADER + ticker * acc.SLOT
    for column in range(RECORD):
        records[n, column] = 0.0
    records[n, KIND], records[n, AT_ROW], records[n, TICKER] = kind, state[acc.ROW], ticker
    records[n, SIGNAL_ID], records[n, REASON], records[n, ORDER_TYPE] = signal, reason, order_type
    records[n, FILLED_QTY], records[n, BAR_FACTOR] = qty, factor
    records[n, QTY_AFTER] = state[slot + acc.SIDE] * state[slot + acc.QTY] * factor
    records[n, ENTRY_AFTER] = state[slot + acc.ENTRY] if state[slot + acc.SIDE] != 0.0 else 0.0
    records[n, REALISED_AFTER], records[n, SIGNALLED_ROW] = state[slot + acc.REALISED], state[acc.ROW]
    return n + 1


@jit
def cancel(state: Floats, ticker: int, reason: np.int64, factor: float, records: Floats, n: int) -> int:
    """Take away what is left of the entry order."""
    slot = acc.HEADER + ticker * acc.SLOT
    n = record(
        records, n, state, ticker, CANCELLED, reason, state[slot + acc.O_SIGNAL], state[slot + acc.O_TYPE],
        state[slot + acc.O_LEFT] * factor, factor,
    )  # fmt: skip
    if reason == state[slot + acc.O_DUE]:
        records[n - 1, SIGNALLED_ROW] = state[slot + acc.O_DUE_ROW]
    acc.forget_order(state, ticker)
    return n


@jit
def enter(
    state: Floats,
    instruments: Floats,
    ticker: int,
    reference: float,
    volume: float,
    factor: float,
    ts: float,
    records: Floats,
    n: int,
) -> int:
    """Fill the entry order at `reference`, as far as the bar's volume goes; a limit order pays no slippage."""
    slot = acc.HEADER + ticker * acc.SLOT
    qty = fillable(instruments, ticker, state[slot + acc.O_LEFT], state[acc.VOLUME_LEFT], factor)
    if qty <= 0.0:
        return n
    side, kind = state[slot + acc.O_SIDE], state[slot + acc.O_TYPE]
    price = reference
    if kind != LIMIT:
        price = fill_price(instruments, ticker, side, reference, qty, volume, factor)
    value = qty * price * instruments[ticker, MULTIPLIER]
    fee, state[slot + acc.O_CHARGED] = commission(instruments, ticker, qty * factor, value, state[slot + acc.O_CHARGED])
    if state[slot + acc.SIDE] == 0.0:
        state[slot + acc.SIDE], state[slot + acc.QTY], state[slot + acc.ENTRY] = side, qty, price
        state[slot + acc.SIGNAL], state[slot + acc.TARGET] = state[slot + acc.O_SIGNAL], state[slot + acc.O_TARGET]
        state[slot + acc.TRAIL], state[slot + acc.BEST] = state[slot + acc.O_TRAIL], price
        state[slot + acc.STOP] = acc.trailed(side, state[slot + acc.O_STOP], price, state[slot + acc.TRAIL])
        state[slot + acc.EXPIRES], state[slot + acc.BARS_LEFT] = (
            state[slot + acc.O_EXPIRES],
            state[slot + acc.O_MAX_BARS],
        )
        state[slot + acc.DUE] = state[slot + acc.FUNDING] = state[slot + acc.CHARGED] = 0.0
        state[slot + acc.PAID_UNTIL] = ts
    else:
        if instruments[ticker, LONG_RATE] != 0.0 or instruments[ticker, SHORT_RATE] != 0.0:
            acc.pay_funding(state, instruments, ticker, ts, price)
        before = state[slot + acc.QTY]
        state[slot + acc.QTY] = before + qty
        state[slot + acc.ENTRY] = (before * state[slot + acc.ENTRY] + qty * price) / (before + qty)
    state[acc.CASH] -= side * value + fee
    state[slot + acc.REALISED] -= fee
    state[slot + acc.MARK] = price
    state[slot + acc.O_LEFT] -= qty
    state[acc.VOLUME_LEFT] -= qty * factor
    n = record(records, n, state, ticker, ENTERED, NO_REASON, state[slot + acc.SIGNAL], kind, qty * factor, factor)
    records[n - 1, PRICE], records[n - 1, REFERENCE], records[n - 1, FEE] = price, reference, fee
    records[n - 1, FUNDING_PAID] = state[slot + acc.FUNDING]
    state[slot + acc.FUNDING] = 0.0
    if state[slot + acc.O_LEFT] * factor < 1e-9 * instruments[ticker, LOT_SIZE]:
        acc.forget_order(state, ticker)
    return n


@jit
def leave(
    state: Floats,
    instruments: Floats,
    ticker: int,
    reason: np.int64,
    kind: float,
    reference: float,
    volume: float,
    factor: float,
    ts: float,
    records: Floats,
    n: int,
) -> int:
    """Leave the position at `reference` as far as the bar's volume goes; what is left after a stop is due at once."""
    slot = acc.HEADER + ticker * acc.SLOT
    if state[slot + acc.O_SIDE] == state[slot + acc.SIDE]:
        n = cancel(state, ticker, reason, factor, records, n)
    qty = fillable(instruments, ticker, state[slot + acc.QTY], state[acc.VOLUME_LEFT], factor)
    if reason != TARGET_MET and state[slot + acc.DUE] != reason:
        state[slot + acc.DUE], state[slot + acc.DUE_TS], state[slot + acc.DUE_ROW] = reason, -math.inf, state[acc.ROW]
    if qty <= 0.0:
        return n
    side = state[slot + acc.SIDE]
    price = reference
    if kind != LIMIT:
        price = fill_price(instruments, ticker, -side, reference, qty, volume, factor)
    if instruments[ticker, LONG_RATE] != 0.0 or instruments[ticker, SHORT_RATE] != 0.0:
        acc.pay_funding(state, instruments, ticker, ts, price)
    value = qty * price * instruments[ticker, MULTIPLIER]
    fee, state[slot + acc.CHARGED] = commission(instruments, ticker, qty * factor, value, state[slot + acc.CHARGED])
    state[acc.CASH] -= fee - side * value
    state[slot + acc.REALISED] -= fee
    state[slot + acc.REALISED] += side * qty * (price - state[slot + acc.ENTRY]) * instruments[ticker, MULTIPLIER]
    state[slot + acc.QTY] -= qty
    state[acc.VOLUME_LEFT] -= qty * factor
    if state[slot + acc.QTY] * factor < 1e-9 * instruments[ticker, LOT_SIZE]:
        state[slot + acc.SIDE] = state[slot + acc.QTY] = 0.0
        if state[slot + acc.O_SIDE] == 0.0:
            state[acc.N_ACTIVE] -= 1.0
    n = record(records, n, state, ticker, EXITED, reason, state[slot + acc.SIGNAL], kind, qty * factor, factor)
    records[n - 1, PRICE], records[n - 1, REFERENCE], records[n - 1, FEE] = price, reference, fee
    records[n - 1, FUNDING_PAID] = state[slot + acc.FUNDING]
    state[slot + acc.FUNDING] = 0.0
    if reason == state[slot + acc.DUE]:
        records[n - 1, SIGNALLED_ROW] = state[slot + acc.DUE_ROW]
    return n
