"""The account of a session as one flat float64 array: `HEADER` numbers of the account, then `SLOT` numbers a ticker.

Prices are those of the bars (forward-adjusted), quantities in the same units (as traded / price factor), so that a
split or a reinvested dividend changes neither. A ticker has a position and an order for an entry, either of them empty;
stop and target belong to the position. ADR 14 says why it is no record array.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tsis.core.jit import jit
from tsis.kernels.costs import LONG_RATE, MULTIPLIER, SHORT_RATE

Floats = npt.NDArray[np.float64]

CASH, EQUITY, DAY, DAY_EQUITY, HALTED, ROW, N_ACTIVE, VOLUME_LEFT = range(8)
MOST_RISK, MOST_HELD, MOST_LOSS, FIRST_HALT_ROW = range(8, 12)
HEADER = 12
SIDE, QTY, ENTRY, SIGNAL, STOP, TARGET, TRAIL, BEST, EXPIRES, BARS_LEFT, MARK, REALISED = range(12)
DUE, DUE_TS, DUE_ROW, PAID_UNTIL, FUNDING, CHARGED = range(12, 18)
"""The position: SIDE is 0 for none. TRAIL is a share of BEST, the best price since the entry. DUE is why it is to
leave, at the first open from DUE_TS on. FUNDING was paid since the last fill, CHARGED is what its exit paid by rate."""
O_SIDE, O_SIGNAL, O_TYPE, O_PRICE, O_LEFT, O_BARS, O_STOP, O_TARGET, O_TRAIL, O_EXPIRES, O_MAX_BARS = range(18, 29)
O_DUE, O_DUE_TS, O_DUE_ROW, O_CHARGED = range(29, 33)
"""The order: O_SIDE is 0 for none; O_LEFT is still to be filled, O_BARS is how many bars it stays; as above."""
SLOT = 33

_YEAR_US = 365.25 * 86_400e6


def new_state(equity: float, n_tickers: int) -> Floats:
    """Return the state of an account that holds only cash."""
    state = np.zeros(HEADER + SLOT * n_tickers)
    state[[CASH, EQUITY, DAY_EQUITY]] = equity
    state[[DAY, FIRST_HALT_ROW]] = -1.0
    return state


@jit
def equity_of(state: Floats, instruments: Floats) -> float:
    """Return cash plus all positions at their last close."""
    total: float = state[CASH]
    for ticker in range(instruments.shape[0]):
        at = HEADER + ticker * SLOT
        if state[at + SIDE] != 0.0:
            total += state[at + SIDE] * state[at + QTY] * state[at + MARK] * instruments[ticker, MULTIPLIER]
    return total


@jit
def committed(state: Floats, instruments: Floats) -> tuple[float, float, float]:
    """Return how many tickers have a position or an order, the value of all of them, and long less short value."""
    n_taken, gross, net = 0.0, 0.0, 0.0
    for ticker in range(instruments.shape[0]):
        at = HEADER + ticker * SLOT
        if state[at + SIDE] == 0.0 and state[at + O_SIDE] == 0.0:
            continue
        n_taken += 1.0
        price = state[at + MARK] * instruments[ticker, MULTIPLIER]
        gross += state[at + QTY] * price + state[at + O_LEFT] * price
        net += (state[at + SIDE] * state[at + QTY] + state[at + O_SIDE] * state[at + O_LEFT]) * price
    return n_taken, gross, net


@jit
def pay_funding(state: Floats, instruments: Floats, ticker: int, ts: float, price: float) -> None:
    """Charge what the position's value at `price` costs from the last payment until `ts`, in microseconds."""
    at = HEADER + ticker * SLOT
    rate = instruments[ticker, LONG_RATE if state[at + SIDE] > 0.0 else SHORT_RATE]
    value = state[at + QTY] * price * instruments[ticker, MULTIPLIER]
    paid = value * rate * (ts - state[at + PAID_UNTIL]) / _YEAR_US
    state[CASH] -= paid
    state[at + REALISED] -= paid
    state[at + FUNDING] += paid
    state[at + PAID_UNTIL] = ts


@jit
def forget_order(state: Floats, ticker: int) -> None:
    """Take the entry order away."""
    at = HEADER + ticker * SLOT
    state[at + O_SIDE] = state[at + O_LEFT] = state[at + O_DUE] = 0.0
    if state[at + SIDE] == 0.0:
        state[N_ACTIVE] -= 1.0


@jit
def trailed(side: float, stop: float, best: float, trail: float) -> float:
    """Return the stop that follows `best` at the share `trail`, never farther away than `stop`; NaN is none."""
    if not trail > 0.0:
        return stop
    followed = best * (1.0 - side * trail)
    if math.isnan(stop) or side * (followed - stop) > 0.0:
        return followed
    return stop
