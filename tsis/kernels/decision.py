"""What becomes of a proposal: sized within all limits, accepted or refused."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tsis.core.jit import jit
from tsis.kernels import account as acc
from tsis.kernels.costs import LOT_SIZE, MAX_LEVERAGE, MAX_POSITION_FRAC, MAX_QTY, MULTIPLIER
from tsis.kernels.fills import (
    ACCEPTED,
    BELOW_ONE_LOT,
    DAILY_LOSS_MET,
    LEFT,
    NO_REASON,
    POSITIONS_FULL,
    REJECTED,
    TICKER_HELD,
    record,
)
from tsis.kernels.orders import MARKET
from tsis.kernels.risk import risked_quantity, whole_lots

Floats = npt.NDArray[np.float64]

RISK_PER_TRADE, MAX_POSITIONS, DAILY_LOSS, MAX_GROSS, MAX_NET = range(5)
"""Columns of `limits`; MAX_GROSS and MAX_NET are multiples of equity."""
P_ROW, P_SIGNAL, P_SIDE, P_TYPE, P_PRICE, P_STOP, P_TARGET, P_TRAIL = range(8)
P_SIZING, P_SIZE, P_EXPIRES, P_MAX_BARS, P_GOOD_BARS = range(8, 13)
PROPOSAL = 13
"""Columns of `proposals`. P_ROW counts the rows since the state was new; P_SIDE is 0 to leave; prices may be NaN for
none, P_EXPIRES, P_MAX_BARS, P_GOOD_BARS inf."""
BY_RISK, BY_UNITS, BY_EQUITY = map(np.int64, range(3))
"""What P_SIZE is: a share of the risk allowed at the stop, units as traded, a share of the equity."""


@jit
def halt(state: Floats, n_tickers: int, ts_close: float) -> None:
    """Stop entries for the day and call off what waits or is held, with effect from the first open at or after now.

    Not at once: a bar of another ticker that closes later may have opened, and filled, before this moment.
    """
    state[acc.HALTED] = 1.0
    if state[acc.FIRST_HALT_ROW] < 0.0:
        state[acc.FIRST_HALT_ROW] = state[acc.ROW]
    for ticker in range(n_tickers):
        slot = acc.HEADER + ticker * acc.SLOT
        if state[slot + acc.SIDE] != 0.0 and state[slot + acc.DUE] == 0.0:
            state[slot + acc.DUE], state[slot + acc.DUE_TS], state[slot + acc.DUE_ROW] = (
                DAILY_LOSS_MET,
                ts_close,
                state[acc.ROW],
            )
        if state[slot + acc.O_SIDE] != 0.0 and state[slot + acc.O_DUE] == 0.0:
            state[slot + acc.O_DUE], state[slot + acc.O_DUE_TS] = DAILY_LOSS_MET, ts_close
            state[slot + acc.O_DUE_ROW] = state[acc.ROW]


@jit
def quantity(
    state: Floats,
    limits: Floats,
    instruments: Floats,
    ticker: int,
    price: float,
    factor: float,
    proposals: Floats,
    p: int,
    gross: float,
    net: float,
) -> float:
    """Return what a proposal may buy or sell within all limits, in whole lots as traded."""
    equity, sizing, size = state[acc.EQUITY], proposals[p, P_SIZING], proposals[p, P_SIZE]
    multiplier, leverage = instruments[ticker, MULTIPLIER], instruments[ticker, MAX_LEVERAGE]
    if not equity > 0.0:
        return 0.0
    if sizing == BY_RISK:
        stop = proposals[p, P_STOP]
        wanted = risked_quantity(equity, limits[RISK_PER_TRADE], size, price, stop, multiplier, leverage, gross)
    else:
        wanted = size / factor if sizing == BY_UNITS else size * equity / (price * multiplier)
        wanted = min(wanted, (leverage * equity - gross) / (price * multiplier))
    room = min(
        limits[MAX_GROSS] * equity - gross,
        limits[MAX_NET] * equity - proposals[p, P_SIDE] * net,
        instruments[ticker, MAX_POSITION_FRAC] * equity,
    )
    wanted = min(wanted, room / (price * multiplier), instruments[ticker, MAX_QTY] / factor)
    return max(whole_lots(wanted * factor, instruments[ticker, LOT_SIZE]), 0.0)


@jit
def decide(
    state: Floats,
    limits: Floats,
    instruments: Floats,
    ticker: int,
    close: float,
    factor: float,
    ts_close: float,
    proposals: Floats,
    p: int,
    records: Floats,
    n: int,
) -> int:
    """Size a proposal and accept or refuse it, or call off what the ticker holds and waits for."""
    slot = acc.HEADER + ticker * acc.SLOT
    if proposals[p, P_SIDE] == 0.0:
        if state[slot + acc.SIDE] != 0.0 and state[slot + acc.DUE] == 0.0:
            state[slot + acc.DUE], state[slot + acc.DUE_TS], state[slot + acc.DUE_ROW] = LEFT, ts_close, state[acc.ROW]
        if state[slot + acc.O_SIDE] != 0.0 and state[slot + acc.O_DUE] == 0.0:
            state[slot + acc.O_DUE], state[slot + acc.O_DUE_TS], state[slot + acc.O_DUE_ROW] = (
                LEFT,
                ts_close,
                state[acc.ROW],
            )
        return n
    is_leaving = state[slot + acc.SIDE] != 0.0 and state[slot + acc.DUE] == LEFT
    n_taken, gross, net = acc.committed(state, instruments)
    if state[slot + acc.SIDE] != 0.0 or state[slot + acc.O_SIDE] != 0.0:
        n_taken -= 1.0
    if is_leaving:
        value = state[slot + acc.QTY] * state[slot + acc.MARK] * instruments[ticker, MULTIPLIER]
        gross, net = gross - value, net - state[slot + acc.SIDE] * value
    price = close if proposals[p, P_TYPE] == MARKET else proposals[p, P_PRICE]
    qty = quantity(state, limits, instruments, ticker, price, factor, proposals, p, gross, net)
    reason = NO_REASON
    if state[acc.HALTED] > 0.0:
        reason = DAILY_LOSS_MET
    elif state[slot + acc.O_SIDE] != 0.0 or (state[slot + acc.SIDE] != 0.0 and not is_leaving):
        reason = TICKER_HELD
    elif n_taken >= limits[MAX_POSITIONS]:
        reason = POSITIONS_FULL
    elif not qty > 0.0:
        reason = BELOW_ONE_LOT
    signal, kind = proposals[p, P_SIGNAL], proposals[p, P_TYPE]
    if reason != NO_REASON:
        asked = qty if qty > 0.0 else instruments[ticker, LOT_SIZE]
        return record(records, n, state, ticker, REJECTED, reason, signal, kind, asked, factor)
    if state[slot + acc.SIDE] == 0.0:
        state[acc.N_ACTIVE] += 1.0
        state[slot + acc.MARK] = close
    state[slot + acc.O_SIDE], state[slot + acc.O_SIGNAL], state[slot + acc.O_TYPE] = proposals[p, P_SIDE], signal, kind
    state[slot + acc.O_PRICE], state[slot + acc.O_LEFT] = proposals[p, P_PRICE], qty / factor
    state[slot + acc.O_STOP], state[slot + acc.O_TARGET] = proposals[p, P_STOP], proposals[p, P_TARGET]
    state[slot + acc.O_TRAIL], state[slot + acc.O_EXPIRES] = proposals[p, P_TRAIL], proposals[p, P_EXPIRES]
    state[slot + acc.O_MAX_BARS], state[slot + acc.O_BARS] = proposals[p, P_MAX_BARS], proposals[p, P_GOOD_BARS]
    state[slot + acc.O_DUE] = state[slot + acc.O_CHARGED] = 0.0
    distance = abs(price - proposals[p, P_STOP]) if not math.isnan(proposals[p, P_STOP]) else price
    risk = state[slot + acc.O_LEFT] * distance * instruments[ticker, MULTIPLIER] / state[acc.EQUITY]
    state[acc.MOST_RISK] = max(state[acc.MOST_RISK], risk)
    state[acc.MOST_HELD] = max(state[acc.MOST_HELD], n_taken + 1.0)
    return record(records, n, state, ticker, ACCEPTED, NO_REASON, signal, kind, qty, factor)
