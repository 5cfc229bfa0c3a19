from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.kernels import session as kernel

LIMITS = np.array([0.02, 2.0, 0.05])
INSTRUMENTS = np.array(
    [[1.0, 1.0, 1e-3, 0.01, 0.0, 5.0], [50.0, 1.0, 5e-4, 2.0, 1e-5, 20.0], [1.0, 0.01, 0.0, 0.0, 0.0, 2.0]]
)
START_EQUITY = 100_000.0


def market(seed, n):
    """Bars of three tickers of wild prices, with proposals at half of the closes."""
    rng = np.random.default_rng(seed)
    ticker = rng.integers(0, 3, n)
    close = np.empty(n)
    opened = np.empty(n)
    last = np.full(3, 100.0)
    for i, k in enumerate(ticker):
        opened[i] = last[k] * np.exp(rng.normal(0, 0.01))
        close[i] = last[k] = opened[i] * np.exp(rng.normal(0, 0.02))
    high = np.maximum(opened, close) * (1 + rng.random(n) * 0.01)
    low = np.minimum(opened, close) * (1 - rng.random(n) * 0.01)
    factor = np.where(np.arange(n) > n // 2, 2.0, 1.0)
    ts_close = np.cumsum(rng.integers(0, 3, n)) + 10
    side = rng.choice([-1.0, 1.0], n)
    proposals = np.column_stack(
        (
            np.where(rng.random(n) < 0.5, np.arange(n), -1.0),
            side,
            close * (1 - side * 0.02),
            close * (1 + side * 0.03),
            rng.random(n),
            np.where(rng.random(n) < 0.5, ts_close + 12, np.inf),
            np.where(rng.random(n) < 0.5, 4.0, np.inf),
        )
    )
    bars = np.column_stack((opened, high, low, close, factor))
    return [ticker, ts_close // 20, ts_close - rng.integers(0, 3, n), ts_close, bars, proposals]


def fold(state, arrays):
    records = kernel.new_records(len(arrays[0]), 3)
    n = kernel.session(state, LIMITS, INSTRUMENTS, *arrays, records)
    return records[:n].copy()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 120), st.lists(st.integers(0, 120), max_size=4))
def test_chunks_with_a_state_saved_as_bytes_give_the_bits_of_the_whole(seed, n, cuts):
    arrays = market(seed, n)
    whole_state = kernel.new_state(START_EQUITY, 3)
    whole = fold(whole_state, arrays)
    state, parts = kernel.new_state(START_EQUITY, 3), []
    edges = sorted({0, n, *(cut for cut in cuts if cut < n)})
    for first, end in pairwise(edges):
        state = np.frombuffer(state.tobytes()).copy()
        parts.append(fold(state, [array[first:end] for array in arrays]))
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert state.tobytes() == whole_state.tobytes()


def test_one_row_at_a_time_is_the_same_session():
    arrays = market(11, 400)
    state = kernel.new_state(START_EQUITY, 3)
    live = [fold(state, [array[i : i + 1] for array in arrays]) for i in range(400)]
    whole_state = kernel.new_state(START_EQUITY, 3)
    whole = fold(whole_state, arrays)
    assert np.concatenate(live).tobytes() == whole.tobytes()
    assert (whole[:, kernel.KIND] == kernel.EXITED).sum() > 20


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_cash_and_positions_are_the_start_and_all_results(seed, n):
    arrays = market(seed, n)
    state = kernel.new_state(START_EQUITY, 3)
    fold(state, arrays)
    slots = state[kernel.HEADER :].reshape(3, kernel.SLOT)
    held = slots[:, kernel.PHASE] == kernel.HELD
    open_result = (
        slots[:, kernel.SIDE] * slots[:, kernel.QTY] * (slots[:, kernel.MARK] - slots[:, kernel.ENTRY])
    ) * held
    expected = START_EQUITY + slots[:, kernel.REALISED].sum() + (open_result * INSTRUMENTS[:, kernel.MULTIPLIER]).sum()
    assert kernel.equity_of(state, INSTRUMENTS) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_limits_hold_at_every_decision(seed):
    arrays = market(seed, 200)
    state = kernel.new_state(START_EQUITY, 3)
    records = fold(state, arrays)
    assert state[kernel.MOST_RISK] <= LIMITS[kernel.RISK_PER_TRADE] * (1 + 1e-9)
    assert state[kernel.MOST_HELD] <= LIMITS[kernel.MAX_POSITIONS]
    open_now = 0
    for record in records:
        kind = record[kernel.KIND]
        open_now += {kernel.ACCEPTED: 1, kernel.EXITED: -1, kernel.CANCELLED: -1}.get(int(kind), 0)
        assert 0 <= open_now <= LIMITS[kernel.MAX_POSITIONS]
        if kind == kernel.ACCEPTED:
            lots = record[kernel.ORDER_QTY] / INSTRUMENTS[int(record[kernel.TICKER]), kernel.LOT_SIZE]
            assert lots == pytest.approx(round(lots), abs=1e-6)
    stories = {}
    for record in records:
        stories.setdefault(int(record[kernel.SIGNAL_ID]), []).append(int(record[kernel.KIND]))
    allowed = (
        [kernel.REJECTED],
        [kernel.ACCEPTED],
        [kernel.ACCEPTED, kernel.CANCELLED],
        [kernel.ACCEPTED, kernel.ENTERED],
        [kernel.ACCEPTED, kernel.ENTERED, kernel.EXITED],
    )
    assert all(story in allowed for story in stories.values())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 99))
def test_nothing_before_a_row_depends_on_what_follows(seed, cut):
    arrays = market(seed, 100)
    other = market(seed + 1, 100)
    mixed = [np.concatenate((a[:cut], b[cut:])) for a, b in zip(arrays, other, strict=True)]
    before = fold(kernel.new_state(START_EQUITY, 3), arrays)
    after = fold(kernel.new_state(START_EQUITY, 3), mixed)
    known = [records[records[:, kernel.AT_ROW] < cut] for records in (before, after)]
    assert known[0].tobytes() == known[1].tobytes()
