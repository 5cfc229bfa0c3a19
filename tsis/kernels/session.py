"""The session: one step a bar decides, fills and accounts; history and live run the same step.

State is one flat float64 array: `HEADER` numbers of the account, then `SLOT` numbers a ticker. Prices are those of the
bars (forward-adjusted), quantities in the state are in the same units (as traded / price factor), so that a split or a
reinvested dividend changes neither. The order of a step: new day, open, inside the bar, close, decision.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tsis.core.jit import jit
from tsis.kernels.risk import daily_loss_frac, risked_quantity, whole_lots

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CASH, DAY, DAY_EQUITY, HALTED, HALT_ROW, ROW, MOST_RISK, MOST_HELD, MOST_LOSS, FIRST_HALT_ROW = range(10)
HEADER = 10
PHASE, SIGNAL, SIDE, QTY, ENTRY, STOP, TARGET, EXPIRES, MARK, REALISED, IS_CLOSING, DECIDED_ROW = range(12)
SLOT = 12
FLAT, WAITING, HELD = 0.0, 1.0, 2.0

RISK_PER_TRADE, MAX_POSITIONS, DAILY_LOSS = range(3)
"""Columns of `limits`."""
MULTIPLIER, LOT_SIZE, SLIPPAGE_FRAC, FEE_PER_UNIT, FEE_FRAC, MAX_LEVERAGE = range(6)
"""Columns of `instruments`, one row a ticker."""
OPEN, HIGH, LOW, CLOSE, FACTOR = range(5)
"""Columns of `bars`."""
P_SIGNAL, P_SIDE, P_STOP, P_TARGET, P_BET, P_EXPIRES = range(6)
"""Columns of `proposals`, one row a bar; P_SIGNAL is -1 where the bar proposes nothing."""
KIND, AT_ROW, TICKER, SIGNAL_ID, REASON, ORDER_QTY, PRICE, REFERENCE, FEE, BAR_FACTOR = range(10)
QTY_AFTER, ENTRY_AFTER, REALISED_AFTER, EQUITY_AFTER, SIGNALLED_ROW = range(10, 15)
RECORD = 15
"""Columns of a record. Quantities in records are as traded, prices as in the bars."""

ACCEPTED, REJECTED, ENTERED, CANCELLED, EXITED = range(5)
"""Kinds of record."""
NO_REASON, STOPPED, TARGET_MET, EXPIRED, DAILY_LOSS_MET, TICKER_HELD, POSITIONS_FULL, BELOW_ONE_LOT = range(8)
"""Reasons of a record."""


def new_state(equity: float, n_tickers: int) -> Floats:
    """Return the state of an account that holds only cash."""
    state = np.zeros(HEADER + SLOT * n_tickers)
    state[CASH] = state[DAY_EQUITY] = equity
    state[DAY] = state[HALT_ROW] = state[FIRST_HALT_ROW] = -1.0
    return state


def new_records(n_proposals: int, n_tickers: int) -> Floats:
    """Return room for all records of a fold: at most three a proposal, and two for each signal brought along."""
    return np.zeros((3 * n_proposals + 2 * n_tickers, RECORD))


@jit
def equity_of(state: Floats, instruments: Floats) -> float:
    """Return cash plus all positions at their last close."""
    total = state[CASH]
    for ticker in range(instruments.shape[0]):
        slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
        if slot[PHASE] == HELD:
            total += slot[SIDE] * slot[QTY] * slot[MARK] * instruments[ticker, MULTIPLIER]
    return total


@jit
def _record(
    records: Floats, n: int, state: Floats, ticker: int, kind: int, reason: int, qty: float, factor: float
) -> int:
    slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
    row = records[n]
    row[:] = 0.0
    row[KIND], row[AT_ROW], row[TICKER], row[SIGNAL_ID] = kind, state[ROW], ticker, slot[SIGNAL]
    row[REASON], row[ORDER_QTY], row[BAR_FACTOR] = reason, qty, factor
    row[REALISED_AFTER], row[SIGNALLED_ROW] = slot[REALISED], state[ROW]
    return n + 1


@jit
def _fill(
    records: Floats,
    n: int,
    state: Floats,
    instruments: Floats,
    ticker: int,
    reason: int,
    reference: float,
    is_limit: bool,
    factor: float,
) -> int:
    """Enter a waiting slot or leave a held one at `reference` plus slippage (none for a limit order)."""
    slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
    market = instruments[ticker]
    is_entry = slot[PHASE] == WAITING
    direction = slot[SIDE] if is_entry else -slot[SIDE]
    price = reference if is_limit else reference * (1.0 + direction * market[SLIPPAGE_FRAC])
    value = slot[QTY] * price * market[MULTIPLIER]
    fee = slot[QTY] * factor * market[FEE_PER_UNIT] + value * market[FEE_FRAC]
    state[CASH] -= direction * value + fee
    slot[REALISED] -= fee
    kind = ENTERED
    if is_entry:
        slot[PHASE], slot[ENTRY], slot[MARK] = HELD, price, price
    else:
        kind = EXITED
        slot[REALISED] += slot[SIDE] * slot[QTY] * (price - slot[ENTRY]) * market[MULTIPLIER]
        slot[PHASE] = FLAT
    _record(records, n, state, ticker, kind, reason, slot[QTY] * factor, factor)
    row = records[n]
    row[PRICE], row[REFERENCE], row[FEE] = price, reference, fee
    if is_entry:
        row[QTY_AFTER], row[ENTRY_AFTER] = slot[SIDE] * slot[QTY] * factor, price
    elif slot[IS_CLOSING] > 0.0:
        row[SIGNALLED_ROW] = slot[DECIDED_ROW]
    slot[IS_CLOSING] = 0.0
    row[EQUITY_AFTER] = equity_of(state, instruments)
    return n + 1


@jit
def _halt(state: Floats, instruments: Floats, records: Floats, n: int, factors: Floats) -> int:
    """Stop entries for the day: cancel what waits, and close what is held at its next open."""
    state[HALTED], state[HALT_ROW] = 1.0, state[ROW]
    if state[FIRST_HALT_ROW] < 0.0:
        state[FIRST_HALT_ROW] = state[ROW]
    for ticker in range(instruments.shape[0]):
        slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
        if slot[PHASE] == WAITING:
            n = _record(records, n, state, ticker, CANCELLED, DAILY_LOSS_MET, slot[QTY] * factors[ticker], factors[ticker])
            slot[PHASE] = FLAT
        elif slot[PHASE] == HELD and slot[IS_CLOSING] == 0.0:
            slot[IS_CLOSING], slot[DECIDED_ROW] = 1.0, state[ROW]
    return n


@jit
def _decide(
    state: Floats,
    limits: Floats,
    instruments: Floats,
    ticker: int,
    equity: float,
    close: float,
    factor: float,
    proposal: Floats,
    records: Floats,
    n: int,
) -> int:
    """Size a proposal and accept or refuse it; the entry order goes to the next open."""
    slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
    market = instruments[ticker]
    n_held, exposure = 0, 0.0
    for other in range(instruments.shape[0]):
        held = state[HEADER + other * SLOT : HEADER + (other + 1) * SLOT]
        if held[PHASE] != FLAT:
            n_held += 1
            exposure += held[QTY] * held[MARK] * instruments[other, MULTIPLIER]
    wanted = risked_quantity(
        equity,
        limits[RISK_PER_TRADE],
        proposal[P_BET],
        close,
        proposal[P_STOP],
        market[MULTIPLIER],
        market[MAX_LEVERAGE],
        exposure,
    )
    qty = whole_lots(wanted * factor, market[LOT_SIZE])
    reason = NO_REASON
    if state[HALTED] > 0.0:
        reason = DAILY_LOSS_MET
    elif slot[PHASE] != FLAT:
        reason = TICKER_HELD
    elif n_held >= limits[MAX_POSITIONS]:
        reason = POSITIONS_FULL
    elif qty <= 0.0:
        reason = BELOW_ONE_LOT
    if reason != NO_REASON:
        n = _record(records, n, state, ticker, REJECTED, reason, max(qty, market[LOT_SIZE]), factor)
        records[n - 1, SIGNAL_ID] = proposal[P_SIGNAL]
        return n
    slot[PHASE], slot[SIGNAL], slot[SIDE], slot[QTY] = WAITING, proposal[P_SIGNAL], proposal[P_SIDE], qty / factor
    slot[STOP], slot[TARGET], slot[EXPIRES] = proposal[P_STOP], proposal[P_TARGET], proposal[P_EXPIRES]
    risk = slot[QTY] * abs(close - slot[STOP]) * market[MULTIPLIER] / equity
    state[MOST_RISK] = max(state[MOST_RISK], risk)
    state[MOST_HELD] = max(state[MOST_HELD], n_held + 1.0)
    return _record(records, n, state, ticker, ACCEPTED, NO_REASON, qty, factor)


@jit
def _inside(
    state: Floats, instruments: Floats, ticker: int, bar: Floats, records: Floats, n: int
) -> int:
    """Leave where the bar touched stop or target: what the open is beyond comes first, then the stop."""
    slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
    side, stop, target = slot[SIDE], slot[STOP], slot[TARGET]
    worst, best = (bar[LOW], bar[HIGH]) if side > 0.0 else (bar[HIGH], bar[LOW])
    if side * (bar[OPEN] - stop) <= 0.0:
        return _fill(records, n, state, instruments, ticker, STOPPED, bar[OPEN], False, bar[FACTOR])
    if side * (bar[OPEN] - target) >= 0.0:
        return _fill(records, n, state, instruments, ticker, TARGET_MET, bar[OPEN], True, bar[FACTOR])
    if side * (worst - stop) <= 0.0:
        return _fill(records, n, state, instruments, ticker, STOPPED, stop, False, bar[FACTOR])
    if side * (best - target) >= 0.0:
        return _fill(records, n, state, instruments, ticker, TARGET_MET, target, True, bar[FACTOR])
    return n


@jit
def session(
    state: Floats,
    limits: Floats,
    instruments: Floats,
    ticker: Ints,
    day: Ints,
    ts_open: Ints,
    bars: Floats,
    proposals: Floats,
    records: Floats,
) -> int:
    """Fold the session over bars in the order of their close and return the number of records written.

    Parameters
    ----------
    state : changed in place; see `new_state`.
    limits : RISK_PER_TRADE, MAX_POSITIONS, DAILY_LOSS.
    instruments : (k, 6) costs and sizes.
    ticker, day, ts_open : (n,) row of `instruments`, session day, and time of the open in the unit of P_EXPIRES.
    bars : (n, 5) open, high, low, close, price factor.
    proposals : (n, 6) what each bar's close proposes; P_SIGNAL is -1 for nothing.
    records : room for what happens, see `new_records`.

    Rules
    -----
    An order given at a close fills at the ticker's next open. A position that is due (its time is over or the day's
    loss is reached) leaves at the first open at or after that. Stop and target are watched within each bar, the bar of
    the entry included; a gap through either fills at the open; where both lie within the bar, the stop was first. The
    day's loss is measured at every close against the equity at the end of the day before.
    """
    n = 0
    factors = np.ones(instruments.shape[0])
    for i in range(ticker.shape[0]):
        k, bar = ticker[i], bars[i]
        slot = state[HEADER + k * SLOT : HEADER + (k + 1) * SLOT]
        factors[k] = bar[FACTOR]
        if day[i] != state[DAY]:
            state[DAY], state[HALTED] = day[i], 0.0
            state[DAY_EQUITY] = equity_of(state, instruments)
        is_due = ts_open[i] >= slot[EXPIRES]
        if slot[PHASE] == WAITING:
            if is_due:
                n = _record(records, n, state, k, CANCELLED, EXPIRED, slot[QTY] * bar[FACTOR], bar[FACTOR])
                slot[PHASE] = FLAT
            else:
                n = _fill(records, n, state, instruments, k, NO_REASON, bar[OPEN], False, bar[FACTOR])
        elif slot[PHASE] == HELD and (is_due or slot[IS_CLOSING] > 0.0):
            reason = DAILY_LOSS_MET if slot[IS_CLOSING] > 0.0 else EXPIRED
            n = _fill(records, n, state, instruments, k, reason, bar[OPEN], False, bar[FACTOR])
        if slot[PHASE] == HELD:
            n = _inside(state, instruments, k, bar, records, n)
        slot[MARK] = bar[CLOSE]
        equity = equity_of(state, instruments)
        loss = daily_loss_frac(equity, state[DAY_EQUITY])
        state[MOST_LOSS] = max(state[MOST_LOSS], loss)
        if loss >= limits[DAILY_LOSS] and state[HALTED] == 0.0:
            n = _halt(state, instruments, records, n, factors)
        if proposals[i, P_SIGNAL] >= 0.0:
            n = _decide(state, limits, instruments, k, equity, bar[CLOSE], bar[FACTOR], proposals[i], records, n)
        state[ROW] += 1.0
    return n
