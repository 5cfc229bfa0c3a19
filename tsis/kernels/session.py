"""The session: one step a bar decides, fills and accounts; history and live run the same step.

State is one flat float64 array: `HEADER` numbers of the account, then `SLOT` numbers a ticker. Prices are those of the
bars (forward-adjusted), quantities in the state are in the same units (as traded / price factor), so that a split or a
reinvested dividend changes neither. The order of a step: new day, open, inside the bar, close, decision.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.kernels.risk import daily_loss_frac, risked_quantity, whole_lots

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CASH, DAY, DAY_EQUITY, HALTED, ROW, MOST_RISK, MOST_HELD, MOST_LOSS, FIRST_HALT_ROW = range(9)
HEADER = 9
PHASE, SIGNAL, SIDE, QTY, ENTRY, STOP, TARGET, EXPIRES, BARS_LEFT, MARK, REALISED = range(11)
IS_CALLED_OFF, CALLED_OFF_TS, CALLED_OFF_ROW = range(11, 14)
SLOT = 14
FLAT, WAITING, HELD = 0.0, 1.0, 2.0

RISK_PER_TRADE, MAX_POSITIONS, DAILY_LOSS = range(3)
"""Columns of `limits`."""
MULTIPLIER, LOT_SIZE, SLIPPAGE_FRAC, FEE_PER_UNIT, FEE_FRAC, MAX_LEVERAGE = range(6)
"""Columns of `instruments`, one row a ticker."""
OPEN, HIGH, LOW, CLOSE, FACTOR = range(5)
"""Columns of `bars`; a row without prices (OPEN is NaN) is no bar: there the ticker gives its contract up."""
P_SIGNAL, P_SIDE, P_STOP, P_TARGET, P_BET, P_EXPIRES, P_MAX_BARS = range(7)
"""Columns of `proposals`, one row a bar; P_SIGNAL is -1 where it proposes nothing; P_EXPIRES, P_MAX_BARS may be inf."""
KIND, AT_ROW, TICKER, SIGNAL_ID, REASON, ORDER_QTY, PRICE, REFERENCE, FEE, BAR_FACTOR = range(10)
QTY_AFTER, ENTRY_AFTER, REALISED_AFTER, EQUITY_AFTER, SIGNALLED_ROW = range(10, 15)
RECORD = 15
"""Columns of a record. Quantities in records are as traded, prices as in the bars."""

# no Python integers: numba would compile every function anew for each that it is given
ACCEPTED, REJECTED, ENTERED, CANCELLED, EXITED = map(np.int64, range(5))
"""Kinds of record."""
NO_REASON, STOPPED, TARGET_MET, EXPIRED, DAILY_LOSS_MET, TICKER_HELD, POSITIONS_FULL, BELOW_ONE_LOT, ROLLED = map(
    np.int64, range(9)
)
"""Reasons of a record."""


def new_state(equity: float, n_tickers: int) -> Floats:
    """Return the state of an account that holds only cash."""
    state = np.zeros(HEADER + SLOT * n_tickers)
    state[CASH] = state[DAY_EQUITY] = equity
    state[DAY] = state[FIRST_HALT_ROW] = -1.0
    return state


def new_records(n_proposals: int, n_tickers: int) -> Floats:
    """Return room for all records of a fold: at most three a proposal, and two for each signal brought along."""
    return np.zeros((3 * n_proposals + 2 * n_tickers, RECORD))


@jit
def equity_of(state: Floats, instruments: Floats) -> float:
    """Return cash plus all positions at their last close."""
    total: float = state[CASH]
    for ticker in range(instruments.shape[0]):
        slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
        if slot[PHASE] == HELD:
            total += slot[SIDE] * slot[QTY] * slot[MARK] * instruments[ticker, MULTIPLIER]
    return total


@jit
def _record(
    records: Floats, n: int, state: Floats, ticker: int, kind: np.int64, reason: np.int64, qty: float, factor: float
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
    reason: np.int64,
    reference: float,
    factor: float,
) -> int:
    """Enter a waiting slot or leave a held one at `reference` plus slippage (none for the limit order of a target)."""
    slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
    market = instruments[ticker]
    is_entry = slot[PHASE] == WAITING
    direction = slot[SIDE] if is_entry else -slot[SIDE]
    price = reference if reason == TARGET_MET else reference * (1.0 + direction * market[SLIPPAGE_FRAC])
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
    elif reason == DAILY_LOSS_MET:
        row[SIGNALLED_ROW] = slot[CALLED_OFF_ROW]
    row[EQUITY_AFTER] = equity_of(state, instruments)
    return n + 1


@jit
def _halt(state: Floats, n_tickers: int, ts_close: float) -> None:
    """Stop entries for the day and call off what waits or is held, with effect from the first open at or after now.

    Not at once: a bar of another ticker that closes later may have opened, and filled, before this moment.
    """
    state[HALTED] = 1.0
    if state[FIRST_HALT_ROW] < 0.0:
        state[FIRST_HALT_ROW] = state[ROW]
    for ticker in range(n_tickers):
        slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
        if slot[PHASE] != FLAT and slot[IS_CALLED_OFF] == 0.0:
            slot[IS_CALLED_OFF], slot[CALLED_OFF_TS], slot[CALLED_OFF_ROW] = 1.0, ts_close, state[ROW]


@jit
def _at_open(
    state: Floats, instruments: Floats, ticker: int, ts_open: float, bar: Floats, records: Floats, n: int
) -> int:
    """Fill or cancel the entry that waits, or leave the position that is due."""
    slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
    reason = NO_REASON
    if slot[IS_CALLED_OFF] > 0.0 and ts_open >= slot[CALLED_OFF_TS]:
        reason = DAILY_LOSS_MET
    elif ts_open >= slot[EXPIRES] or slot[BARS_LEFT] <= 0.0:
        reason = EXPIRED
    if slot[PHASE] == WAITING and reason != NO_REASON:
        n = _record(records, n, state, ticker, CANCELLED, reason, slot[QTY] * bar[FACTOR], bar[FACTOR])
        if reason == DAILY_LOSS_MET:
            records[n - 1, SIGNALLED_ROW] = slot[CALLED_OFF_ROW]
        slot[PHASE] = FLAT
    elif slot[PHASE] == WAITING or (slot[PHASE] == HELD and reason != NO_REASON):
        n = _fill(records, n, state, instruments, ticker, reason, bar[OPEN], bar[FACTOR])
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
    slot[IS_CALLED_OFF], slot[BARS_LEFT] = 0.0, proposal[P_MAX_BARS]
    slot[STOP], slot[TARGET], slot[EXPIRES] = proposal[P_STOP], proposal[P_TARGET], proposal[P_EXPIRES]
    risk = slot[QTY] * abs(close - slot[STOP]) * market[MULTIPLIER] / equity
    state[MOST_RISK] = max(state[MOST_RISK], risk)
    state[MOST_HELD] = max(state[MOST_HELD], n_held + 1.0)
    return _record(records, n, state, ticker, ACCEPTED, NO_REASON, qty, factor)


@jit
def _inside(state: Floats, instruments: Floats, ticker: int, bar: Floats, records: Floats, n: int) -> int:
    """Leave where the bar touched stop or target: what the open is beyond comes first, then the stop."""
    slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
    side, stop, target = slot[SIDE], slot[STOP], slot[TARGET]
    worst, best = (bar[LOW], bar[HIGH]) if side > 0.0 else (bar[HIGH], bar[LOW])
    reason, reference = NO_REASON, bar[OPEN]
    if side * (bar[OPEN] - stop) <= 0.0:
        reason = STOPPED
    elif side * (bar[OPEN] - target) >= 0.0:
        reason = TARGET_MET
    elif side * (worst - stop) <= 0.0:
        reason, reference = STOPPED, stop
    elif side * (best - target) >= 0.0:
        reason, reference = TARGET_MET, target
    if reason == NO_REASON:
        return n
    return _fill(records, n, state, instruments, ticker, reason, reference, bar[FACTOR])


@jit
def _roll(state: Floats, instruments: Floats, ticker: int, bar: Floats, records: Floats, n: int) -> int:
    """Leave the contract that the ticker gives up at its last close, and cancel an order for it that waits."""
    slot = state[HEADER + ticker * SLOT : HEADER + (ticker + 1) * SLOT]
    if slot[PHASE] == WAITING:
        n = _record(records, n, state, ticker, CANCELLED, ROLLED, slot[QTY] * bar[FACTOR], bar[FACTOR])
        slot[PHASE] = FLAT
    elif slot[PHASE] == HELD:
        n = _fill(records, n, state, instruments, ticker, ROLLED, slot[MARK], bar[FACTOR])
    return n


@jit
def session(
    state: Floats,
    limits: Floats,
    instruments: Floats,
    ticker: Ints,
    day: Ints,
    ts_open: Ints,
    ts_close: Ints,
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
    ticker, day, ts_open, ts_close : (n,) row of `instruments`, session day, times in the unit of P_EXPIRES.
    bars : (n, 5) open, high, low, close, price factor. A row with NaN for prices, and the factor of the bar before it,
        says that the ticker's contract is given up then.
    proposals : (n, 7) what each bar's close proposes; P_SIGNAL is -1 for nothing.
    records : room for what happens, see `new_records`.

    Rules
    -----
    An order given at a close fills at the ticker's next open. A position that is due (its time or its bars are over, or
    the day's loss is reached) leaves at the first open after that. Stop and target are watched within each bar, that of
    the entry included; a gap through either fills at the open; where both lie within the bar, the stop was first. The
    day's loss is measured at every close against the equity at the end of the day before. Where a contract is given up,
    its position leaves at the last close, with slippage, and an order that waits is cancelled.
    """
    n = int(np.int64(0))  # no literal, see above
    for i in range(ticker.shape[0]):
        k, bar = ticker[i], bars[i]
        slot = state[HEADER + k * SLOT : HEADER + (k + 1) * SLOT]
        if day[i] != state[DAY]:
            state[DAY], state[HALTED] = day[i], 0.0
            state[DAY_EQUITY] = equity_of(state, instruments)
        if np.isnan(bar[OPEN]):
            n = _roll(state, instruments, k, bar, records, n)
            state[ROW] += 1.0
            continue
        n = _at_open(state, instruments, k, ts_open[i], bar, records, n)
        if slot[PHASE] == HELD:
            n = _inside(state, instruments, k, bar, records, n)
        slot[MARK] = bar[CLOSE]
        slot[BARS_LEFT] -= 1.0
        equity = equity_of(state, instruments)
        loss = daily_loss_frac(equity, state[DAY_EQUITY])
        state[MOST_LOSS] = max(state[MOST_LOSS], loss)
        if loss >= limits[DAILY_LOSS] and state[HALTED] == 0.0:
            _halt(state, instruments.shape[0], ts_close[i])
        if proposals[i, P_SIGNAL] >= 0.0:
            n = _decide(state, limits, instruments, k, equity, bar[CLOSE], bar[FACTOR], proposals[i], records, n)
        state[ROW] += 1.0
    return n


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    # two tickers, an order proposed at every bar with a side
    ts_us, open_, high, low, close, side = arrays
    ones, sign = np.ones(ts_us.shape[0]), side.astype(np.float64)
    bars = np.column_stack((open_, high, low, close, ones))
    signal = np.where(side == 0, -1.0, ts_us)
    stop, target = close * (1.0 - 0.01 * sign), close * (1.0 + 0.015 * sign)
    proposals = np.column_stack((signal, sign, stop, target, ones, ts_us + 1.8e9, 40.0 * ones))
    limits, instruments = np.array([0.02, 2.0, 0.02]), np.array([[1.0, 1.0, 1e-4, 0.01, 0.0, 5.0]] * 2)
    tickers, days = (side > 0).astype(np.int64), ts_us // 86_400_000_000
    records = new_records(ts_us.shape[0], 2)
    n = session(state, limits, instruments, tickers, days, ts_us - 1_000_000, ts_us, bars, proposals, records)
    return records[:n]


SESSION: Final = Fold(("ts_us", "open", "high", "low", "close", "side"), lambda: new_state(100_000.0, 2), _run)
