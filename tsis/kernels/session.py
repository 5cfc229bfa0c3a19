"""The session: one step a bar decides, fills and accounts; history and live run the same step.

The order of a step: new day, open, inside the bar, close, decision. State is that of `tsis.kernels.account`.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows
from tsis.kernels import account as acc
from tsis.kernels.costs import LONG_RATE, MAX_VOLUME_FRAC, MULTIPLIER, SHORT_RATE
from tsis.kernels.decision import (
    BY_UNITS,
    DAILY_LOSS,
    P_ROW,
    decide,
    halt,
)
from tsis.kernels.fills import (
    EXPIRED,
    LAPSED,
    NO_REASON,
    RECORD,
    ROLLED,
    STOPPED,
    TARGET_MET,
    TRAILED,
    cancel,
    enter,
    leave,
)
from tsis.kernels.orders import LIMIT, MARKET, STOP_ORDER, entry_reference, exit_reference
from tsis.kernels.risk import daily_loss_frac

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROW_RECORDS: Final = 10
"""Most records of a row, of at most three proposals."""


@jit
def _at_open(
    state: Floats,
    instruments: Floats,
    ticker: int,
    ts_open: float,
    open_: float,
    volume: float,
    factor: float,
    records: Floats,
    n: int,
) -> int:
    """Leave a position that is due, and cancel an order whose time is over."""
    slot = acc.HEADER + ticker * acc.SLOT
    if state[slot + acc.SIDE] != 0.0:
        reason = NO_REASON
        if state[slot + acc.DUE] != 0.0 and ts_open >= state[slot + acc.DUE_TS]:
            reason = np.int64(state[slot + acc.DUE])
        elif ts_open >= state[slot + acc.EXPIRES] or state[slot + acc.BARS_LEFT] <= 0.0:
            reason = EXPIRED
        if reason != NO_REASON:
            n = leave(state, instruments, ticker, reason, MARKET, open_, volume, factor, ts_open, records, n)
    if state[slot + acc.O_SIDE] != 0.0:
        reason = NO_REASON
        if state[slot + acc.O_DUE] != 0.0 and ts_open >= state[slot + acc.O_DUE_TS]:
            reason = np.int64(state[slot + acc.O_DUE])
        elif ts_open >= state[slot + acc.O_EXPIRES]:
            reason = EXPIRED
        elif state[slot + acc.O_BARS] <= 0.0:
            reason = LAPSED
        if reason != NO_REASON:
            n = cancel(state, ticker, reason, factor, records, n)
    return n


@jit
def _inside(
    state: Floats,
    instruments: Floats,
    ticker: int,
    is_fresh: bool,
    open_: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    factor: float,
    ts_close: float,
    records: Floats,
    n: int,
) -> int:
    """Leave where the bar touched stop or target, and let a trailing stop follow.

    Of a position that was entered inside the bar (`is_fresh`) only the stop counts, as if the worst came afterwards.
    """
    slot = acc.HEADER + ticker * acc.SLOT
    side, stop = state[slot + acc.SIDE], state[slot + acc.STOP]
    if is_fresh:
        entry = state[slot + acc.MARK]
        worst = low if side > 0.0 else high
        reference, by_stop = math.nan, True
        if side * (worst - stop) <= 0.0:
            reference = stop if side * (entry - stop) >= 0.0 else entry
    else:
        reference, by_stop = exit_reference(side, stop, state[slot + acc.TARGET], open_, high, low)
    if not math.isnan(reference):
        reason, kind = TARGET_MET, LIMIT
        if by_stop:
            is_trailed = stop == state[slot + acc.BEST] * (1.0 - side * state[slot + acc.TRAIL])
            reason, kind = TRAILED if state[slot + acc.TRAIL] > 0.0 and is_trailed else STOPPED, STOP_ORDER
        n = leave(state, instruments, ticker, reason, kind, reference, volume, factor, ts_close, records, n)
    if state[slot + acc.SIDE] != 0.0 and state[slot + acc.TRAIL] > 0.0:
        best = close if is_fresh else (high if side > 0.0 else low)
        if side * (best - state[slot + acc.BEST]) > 0.0:
            state[slot + acc.BEST] = best
        state[slot + acc.STOP] = acc.trailed(
            side, state[slot + acc.STOP], state[slot + acc.BEST], state[slot + acc.TRAIL]
        )
    return n


@jit
def _bar(
    state: Floats,
    instruments: Floats,
    ticker: int,
    ts_open: float,
    ts_close: float,
    open_: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    factor: float,
    records: Floats,
    n: int,
) -> int:
    """Take one bar of a ticker that has a position or an order up to its close."""
    slot = acc.HEADER + ticker * acc.SLOT
    most = instruments[ticker, MAX_VOLUME_FRAC]
    state[acc.VOLUME_LEFT] = math.inf
    if most < math.inf:
        state[acc.VOLUME_LEFT] = volume * most * factor if volume > 0.0 else 0.0
    n = _at_open(state, instruments, ticker, ts_open, open_, volume, factor, records, n)
    is_fresh = False
    if state[slot + acc.O_SIDE] != 0.0 and (
        state[slot + acc.SIDE] == 0.0 or state[slot + acc.SIDE] == state[slot + acc.O_SIDE]
    ):
        reference, is_at_open = entry_reference(
            state[slot + acc.O_TYPE], state[slot + acc.O_SIDE], state[slot + acc.O_PRICE], open_, high, low
        )
        if not math.isnan(reference):
            is_fresh = state[slot + acc.SIDE] == 0.0 and not is_at_open
            ts = ts_open if is_at_open else ts_close
            n = enter(state, instruments, ticker, reference, volume, factor, ts, records, n)
    if state[slot + acc.SIDE] != 0.0:
        n = _inside(state, instruments, ticker, is_fresh, open_, high, low, close, volume, factor, ts_close, records, n)
    state[slot + acc.MARK] = close
    if state[slot + acc.O_SIDE] != 0.0:
        state[slot + acc.O_BARS] -= 1.0
    if state[slot + acc.SIDE] != 0.0:
        state[slot + acc.BARS_LEFT] -= 1.0
        if instruments[ticker, LONG_RATE] != 0.0 or instruments[ticker, SHORT_RATE] != 0.0:
            acc.pay_funding(state, instruments, ticker, ts_close, close)
    return n


@jit
def _untouched(
    side: float,
    stop: float,
    target: float,
    trail: float,
    best: float,
    high: Floats,
    low: Floats,
    first: int,
    end: int,
) -> tuple[int, float, float]:
    """Follow a position over bars that touch neither its stop nor its target.

    Returns
    -------
    The first row, `end` at the latest, that touches one or is no bar; stop and best price after the row before it.
    """
    i = first
    below, above = (stop, target) if side > 0.0 else (target, stop)
    if math.isnan(below):
        below = -math.inf
    if math.isnan(above):
        above = math.inf
    if not trail > 0.0:
        while i < end and low[i] > below and high[i] < above:
            i += 1
    elif side > 0.0:
        while i < end and low[i] > below and high[i] < above:
            best = max(best, high[i])
            stop = below = acc.trailed(side, stop, best, trail)
            i += 1
    else:
        while i < end and low[i] > below and high[i] < above:
            best = min(best, low[i])
            stop = above = acc.trailed(side, stop, best, trail)
            i += 1
    return i, stop, best


@jit
def _same_day(today: float, day: Ints, first: int, end: int) -> int:
    """Return the first row of another day, `end` at the latest."""
    if day.shape[0] > 1:
        for i in range(first, end):
            if float(day[i]) != today:
                return i
    return end


@jit
def _in_time(bars_left: float, expires: float, ts_open: Ints, first: int, end: int) -> int:
    """Return the first row whose open ends a position by its time or its bars, `end` at the latest."""
    if bars_left < math.inf:
        for i in range(first, end):
            if not bars_left > 0.0:
                end = i
                break
            bars_left -= 1.0
    if expires < math.inf:
        for i in range(first, end):
            if ts_open[i if ts_open.shape[0] > 1 else 0] >= expires:
                return i
    return end


@jit
def _roll(state: Floats, instruments: Floats, ticker: int, factor: float, ts: float, records: Floats, n: int) -> int:
    """Leave the contract that the ticker gives up at its last close, and cancel an order for it that waits."""
    slot = acc.HEADER + ticker * acc.SLOT
    state[acc.VOLUME_LEFT] = math.inf
    if state[slot + acc.O_SIDE] != 0.0:
        n = cancel(state, ticker, ROLLED, factor, records, n)
    if state[slot + acc.SIDE] != 0.0:
        mark = state[slot + acc.MARK]
        state[slot + acc.DUE] = 0.0
        n = leave(state, instruments, ticker, ROLLED, MARKET, mark, math.inf, factor, ts, records, n)
    return n


@jit
def _first_from(proposals: Floats, row: float) -> int:
    """Return the first proposal of `row` or later."""
    low, high = 0, proposals.shape[0]
    while low < high:
        middle = (low + high) // 2
        if proposals[middle, P_ROW] < row:
            low = middle + 1
        else:
            high = middle
    return low


@jit
def session(
    state: Floats,
    limits: Floats,
    instruments: Floats,
    ticker: Ints,
    day: Ints,
    ts_open: Ints,
    ts_close: Ints,
    open_: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    factor: Floats,
    proposals: Floats,
    records: Floats,
    equity: Floats,
) -> tuple[int, int]:
    """Fold the session over bars in the order of their close.

    Parameters
    ----------
    state : changed in place; see `tsis.kernels.account`.
    limits : RISK_PER_TRADE, MAX_POSITIONS, DAILY_LOSS, MAX_GROSS, MAX_NET.
    instruments : (k, N_FACTS) see `tsis.kernels.costs`.
    open_, high, low, close : (n,) the bars. A row with NaN for its open is no bar: there the ticker's contract is given
        up.
    ticker, day, ts_open, ts_close, volume, factor : (n,), or (1,) where one value holds for all rows: row of
        `instruments`, session day, times in microseconds, volume in the units of the bars, price factor.
    proposals : (m, PROPOSAL) what closes propose, by row; those of rows gone by are not looked at. At most three a row.
    records : room for what happens; at least `ROW_RECORDS`.
    equity : (n,) for the equity at each close, or (0,) for none.

    Returns
    -------
    How many rows were consumed, all unless `records` had no more room, and how many records were written.

    Rules
    -----
    An order given at a close works from the ticker's next bar on; `tsis.kernels.orders` says where it fills. It stays
    for P_GOOD_BARS bars and until P_EXPIRES. MAX_VOLUME_FRAC bounds what fills in a bar, entries and exits together;
    what is left of a market or stop order fills at the next open, of a limit order at its price. A position that is due
    (its time or its bars are over, a proposal says so, or the day's loss is reached) leaves at the first open after
    that. Stop and target are watched within each bar, that of the entry included; a gap through either fills at the
    open; where both lie within the bar, the stop was first. A trailing stop follows the best price up to the bar
    before. The day's loss is measured at every close against the equity at the end of the day before. Where a contract
    is given up, its position leaves at the last close, with slippage, and an order that waits is cancelled.
    """
    n, i, n_rows, n_tickers = 0, 0, open_.shape[0], instruments.shape[0]
    has_equity, has_tickers, has_days = equity.shape[0] > 0, ticker.shape[0] > 1, day.shape[0] > 1
    has_opens, has_closes = ts_open.shape[0] > 1, ts_close.shape[0] > 1
    has_volumes, has_factors = volume.shape[0] > 1, factor.shape[0] > 1
    row = state[acc.ROW]
    p, n_proposals = _first_from(proposals, row), proposals.shape[0]
    while i < n_rows and n + ROW_RECORDS <= records.shape[0]:
        until = float(n_rows - i)
        if p < n_proposals:
            until = min(until, proposals[p, P_ROW] - row)
        end = i + int(until)
        if state[acc.N_ACTIVE] == 0.0:
            if has_equity:
                idle = state[acc.EQUITY]
                for j in range(i, end):
                    equity[j] = idle
            row += end - i
            i = end
            if i == n_rows:
                break
            end = i
        state[acc.ROW] = row
        k = ticker[i] if has_tickers else ticker[0]
        slot = acc.HEADER + k * acc.SLOT
        today = float(day[i] if has_days else day[0])
        if today != state[acc.DAY]:
            state[acc.DAY], state[acc.HALTED] = today, 0.0
            state[acc.DAY_EQUITY] = acc.equity_of(state, instruments)
        side = state[slot + acc.SIDE]
        is_involved = side != 0.0 or state[slot + acc.O_SIDE] != 0.0
        # what happens at most bars of a position, nothing: as `_bar` and the lines below it would do it, in registers
        if (
            side != 0.0
            and state[slot + acc.O_SIDE] == 0.0
            and state[slot + acc.DUE] == 0.0
            and instruments[k, LONG_RATE] == 0.0
            and instruments[k, SHORT_RATE] == 0.0
        ):
            stop, target, trail = state[slot + acc.STOP], state[slot + acc.TARGET], state[slot + acc.TRAIL]
            best, bars_left = state[slot + acc.BEST], state[slot + acc.BARS_LEFT]
            before = state[acc.DAY_EQUITY]
            end = max(end, i + 1) if n_tickers == 1 else i + 1
            end = _same_day(today, day, i, end)
            untouched, moved_stop, moved_best = _untouched(side, stop, target, trail, best, high, low, i, end)
            end = _in_time(bars_left, state[slot + acc.EXPIRES], ts_open, i, untouched)
            if end > i:
                state[slot + acc.MARK] = close[end - 1]
                total = lowest = acc.equity_of(state, instruments)
                if n_tickers == 1:
                    cash, units, multiplier = state[acc.CASH], side * state[slot + acc.QTY], instruments[k, MULTIPLIER]
                    for j in range(i, end):
                        total = cash + units * close[j] * multiplier
                        lowest = min(lowest, total)
                        if has_equity:
                            equity[j] = total
                    if state[acc.HALTED] == 0.0 and daily_loss_frac(lowest, before) >= limits[DAILY_LOSS]:
                        # up to the row that reached it, which is the lowest so far; later ones are written again
                        end = i + 1
                        while daily_loss_frac(cash + units * close[end - 1] * multiplier, before) < limits[DAILY_LOSS]:
                            end += 1
                        state[slot + acc.MARK] = close[end - 1]
                        total = lowest = acc.equity_of(state, instruments)
                elif has_equity:
                    equity[i] = total
                if end < untouched:
                    _, moved_stop, moved_best = _untouched(side, stop, target, trail, best, high, low, i, end)
                if bars_left < math.inf:
                    for _ in range(i, end):
                        bars_left -= 1.0
                row += end - 1 - i
                i = end - 1
                state[acc.EQUITY], state[acc.ROW] = total, row
                state[slot + acc.STOP], state[slot + acc.BEST], state[slot + acc.BARS_LEFT] = (
                    moved_stop,
                    moved_best,
                    bars_left,
                )
                state[acc.MOST_LOSS] = max(state[acc.MOST_LOSS], daily_loss_frac(lowest, before))
                is_involved = False
        is_bar = not math.isnan(open_[i])
        opened, closed = float(ts_open[i if has_opens else 0]), float(ts_close[i if has_closes else 0])
        volume_now, factor_now = volume[i if has_volumes else 0], factor[i if has_factors else 0]
        if is_involved and is_bar:
            n = _bar(
                state, instruments, k, opened, closed, open_[i], high[i], low[i], close[i],
                volume_now, factor_now, records, n,
            )  # fmt: skip
        elif is_involved:
            n = _roll(state, instruments, k, factor_now, closed, records, n)
        if is_involved:
            state[acc.EQUITY] = acc.equity_of(state, instruments)
        if is_bar:
            loss = daily_loss_frac(state[acc.EQUITY], state[acc.DAY_EQUITY])
            state[acc.MOST_LOSS] = max(state[acc.MOST_LOSS], loss)
            if loss >= limits[DAILY_LOSS] and state[acc.HALTED] == 0.0:
                halt(state, n_tickers, closed)
        while p < n_proposals and proposals[p, P_ROW] == row:
            if is_bar:
                n = decide(state, limits, instruments, k, close[i], factor_now, closed, proposals, p, records, n)
            p += 1
        if has_equity:
            equity[i] = state[acc.EQUITY]
        row += 1.0
        i += 1
    state[acc.ROW] = row
    return i, n


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    # two tickers, orders of every type proposed at most bars, every cost and limit in force
    ts_us, open_, high, low, close, volume, side = arrays
    n = ts_us.shape[0]
    sign, rows = side.astype(np.float64), state[acc.ROW] + np.arange(n)
    kind, price = ts_us // 7 % 3, close * (1.0 + 1e-3 * sign * np.where(ts_us // 7 % 3 == LIMIT, -1.0, 1.0))
    none, forever = np.full(n, np.nan), np.full(n, np.inf)
    proposals = np.column_stack(
        (
            rows, ts_us, sign, kind, price, close * (1.0 - 0.01 * sign), close * (1.0 + 0.015 * sign),
            np.where(ts_us % 2, 0.008, none), ts_us // 3 % 3, np.where(ts_us // 3 % 3 == BY_UNITS, 300.0, 0.5),
            np.where(ts_us % 5, forever, ts_us + 1.8e9), np.full(n, 40.0),
            np.full(n, 5.0),
        )
    )  # fmt: skip
    limits = np.array([0.02, 2.0, 0.02, 3.0, 2.0])
    facts = np.array([1.0, 1.0, 0.25, 1e-4, 1.0, 0.01, 0.02, 0.01, 1e-5, 2.0, 0.05, 0.02, 5.0, 2.0, 500.0, 0.5])
    tickers, days = (side > 0).astype(np.int64), ts_us // 86_400_000_000
    records, equity = np.zeros((ROW_RECORDS * (n + 1), RECORD)), np.empty(n)
    _, n_records = session(
        state, limits, np.stack((facts, facts)), tickers, days, ts_us - 1_000_000, ts_us, open_, high, low, close,
        volume, np.ones(1), proposals, records, equity,
    )  # fmt: skip
    return records[:n_records]


SESSION: Final = Fold(
    ("ts_us", "open", "high", "low", "close", "volume", "side"), lambda: acc.new_state(100_000.0, 2), _run
)
