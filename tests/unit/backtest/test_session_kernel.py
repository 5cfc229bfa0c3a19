from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.kernels import account as acc
from tsis.kernels import decision, fills
from tsis.kernels import session as kernel
from tsis.kernels.costs import LOT_SIZE, MULTIPLIER
from tsis.kernels.orders import LIMIT, MARKET, STOP_ORDER

INF = np.inf
LIMITS = np.array([0.02, 2.0, 0.05, 4.0, 3.0])
INSTRUMENTS = np.array(
    [
        [1.0, 1.0, 0.01, 1e-3, 0.0, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.0, 5.0, INF, INF, INF],
        [50.0, 1.0, 0.25, 5e-4, 1.0, 0.01, 0.02, 2.0, 1e-5, 3.0, 0.1, 0.2, 20.0, 2.0, 700.0, 0.3],
        [1.0, 0.01, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, INF, INF, 0.5],
    ]
)
PLAIN = INSTRUMENTS[[0]]
START_EQUITY = 100_000.0


def market(seed, n, n_tickers=3):
    """Bars of wild prices, with proposals of every type at half of the closes."""
    rng = np.random.default_rng(seed)
    ticker = rng.integers(0, n_tickers, n)
    close, opened, last = np.empty(n), np.empty(n), np.full(n_tickers, 100.0)
    for i, k in enumerate(ticker):
        opened[i] = last[k] * np.exp(rng.normal(0, 0.01))
        close[i] = last[k] = opened[i] * np.exp(rng.normal(0, 0.02))
    high = np.maximum(opened, close) * (1 + rng.random(n) * 0.01)
    low = np.minimum(opened, close) * (1 - rng.random(n) * 0.01)
    factor = np.where(np.arange(n) > n // 2, 2.0, 1.0)
    ts_close = np.cumsum(rng.integers(0, 3, n)) + 10
    side = rng.choice([-1.0, 0.0, 1.0], n, p=[0.4, 0.2, 0.4])
    kind = rng.choice([MARKET, LIMIT, STOP_ORDER], n)
    proposals = np.column_stack(
        (
            np.arange(n),
            np.arange(n),
            side,
            kind,
            close * (1 + side * 0.005 * np.where(kind == LIMIT, -1, 1)),
            close * (1 - side * 0.02),
            np.where(rng.random(n) < 0.8, close * (1 + side * 0.03), np.nan),
            np.where(rng.random(n) < 0.3, 0.015, 0.0),
            rng.integers(0, 3, n),
            rng.random(n),
            np.where(rng.random(n) < 0.5, ts_close + 12, INF),
            np.where(rng.random(n) < 0.5, 4.0, INF),
            np.where(rng.random(n) < 0.5, 3.0, INF),
        )
    )
    by_units = proposals[:, decision.P_SIZING] == decision.BY_UNITS
    proposals[by_units, decision.P_SIZE] *= 300.0
    volume = np.ceil(rng.lognormal(5.0, 1.0, n))
    times = [ticker, ts_close // 20, ts_close - rng.integers(0, 3, n), ts_close]
    bars = [*times, opened, high, low, close, volume, factor]
    return bars, proposals[rng.random(n) < 0.5]


def fold(state, bars, proposals, instruments=INSTRUMENTS, limits=LIMITS, room=None):
    """Return the records and the equity at each close."""
    n, done, parts = len(bars[4]), 0, []
    equity = np.empty(n)
    while done < n:
        records = np.empty((room or kernel.ROW_RECORDS * (n + 1), fills.RECORD))
        rest = [array[done:] if len(array) > 1 else array for array in bars]
        n_rows, n_records = kernel.session(state, limits, instruments, *rest, proposals, records, equity[done:])
        parts.append(records[:n_records].copy())
        done += n_rows
    return np.concatenate(parts), equity


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 120), st.lists(st.integers(0, 120), max_size=4), st.integers(1, 3))
def test_chunks_with_a_state_saved_as_bytes_give_the_bits_of_the_whole(seed, n, cuts, n_tickers):
    bars, proposals = market(seed, n, n_tickers)
    instruments = INSTRUMENTS[:n_tickers]
    whole_state = acc.new_state(START_EQUITY, n_tickers)
    whole, whole_equity = fold(whole_state, bars, proposals, instruments)
    state, parts, curve = acc.new_state(START_EQUITY, n_tickers), [], []
    edges = sorted({0, n, *(cut for cut in cuts if cut < n)})
    for first, end in pairwise(edges):
        state = np.frombuffer(state.tobytes()).copy()
        records, equity = fold(state, [array[first:end] for array in bars], proposals, instruments)
        parts.append(records)
        curve.append(equity)
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert np.concatenate(curve).tobytes() == whole_equity.tobytes()
    assert state.tobytes() == whole_state.tobytes()


@pytest.mark.parametrize("n_tickers", [1, 3])
def test_one_row_at_a_time_is_the_same_session(n_tickers):
    bars, proposals = market(11, 600, n_tickers)
    instruments = INSTRUMENTS[:n_tickers]
    state = acc.new_state(START_EQUITY, n_tickers)
    live = [fold(state, [array[i : i + 1] for array in bars], proposals, instruments) for i in range(600)]
    whole_state = acc.new_state(START_EQUITY, n_tickers)
    whole, equity = fold(whole_state, bars, proposals, instruments)
    assert np.concatenate([records for records, _ in live]).tobytes() == whole.tobytes()
    assert np.concatenate([curve for _, curve in live]).tobytes() == equity.tobytes()
    assert state.tobytes() == whole_state.tobytes()
    assert (whole[:, fills.KIND] == fills.EXITED).sum() > 20


def test_records_without_room_for_all_are_continued():
    bars, proposals = market(5, 300)
    whole, equity = fold(acc.new_state(START_EQUITY, 3), bars, proposals)
    some, curve = fold(acc.new_state(START_EQUITY, 3), bars, proposals, room=kernel.ROW_RECORDS + 3)
    assert some.tobytes() == whole.tobytes()
    assert curve.tobytes() == equity.tobytes()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from([1, 7, 40]))
def test_the_short_cut_of_one_ticker_is_the_long_way_of_two(seed, n, sparse):
    bars, proposals = market(seed, n, 1)
    proposals = proposals[::sparse]
    alone = fold(acc.new_state(START_EQUITY, 1), bars, proposals, PLAIN)
    with_another = fold(acc.new_state(START_EQUITY, 2), bars, proposals, INSTRUMENTS[[0, 0]])
    for one, other in zip(alone, with_another, strict=True):
        assert one.tobytes() == other.tobytes()


def test_one_value_holds_for_all_rows():
    bars, proposals = market(7, 200, 1)
    bars[0], bars[1], bars[8], bars[9] = (np.full(200, value) for value in (0, 3, 500.0, 1.0))
    whole = fold(acc.new_state(START_EQUITY, 1), bars, proposals, PLAIN)
    short = [array[:1] if at in (0, 1, 8, 9) else array for at, array in enumerate(bars)]
    for one, other in zip(whole, fold(acc.new_state(START_EQUITY, 1), short, proposals, PLAIN), strict=True):
        assert one.tobytes() == other.tobytes()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_cash_and_positions_are_the_start_and_all_results(seed, n):
    bars, proposals = market(seed, n)
    state = acc.new_state(START_EQUITY, 3)
    records, equity = fold(state, bars, proposals)
    slots = state[acc.HEADER :].reshape(3, acc.SLOT)
    open_result = slots[:, acc.SIDE] * slots[:, acc.QTY] * (slots[:, acc.MARK] - slots[:, acc.ENTRY])
    expected = START_EQUITY + slots[:, acc.REALISED].sum() + (open_result * INSTRUMENTS[:, MULTIPLIER]).sum()
    assert acc.equity_of(state, INSTRUMENTS) == pytest.approx(expected, rel=1e-9)
    assert equity[-1] == state[acc.EQUITY] == acc.equity_of(state, INSTRUMENTS)
    for ticker in range(3):
        own = records[records[:, fills.TICKER] == ticker]
        signed = own[np.isin(own[:, fills.KIND], [fills.ENTERED, fills.EXITED])]
        change = np.diff(signed[:, fills.QTY_AFTER] / signed[:, fills.BAR_FACTOR], prepend=0.0)
        traded = signed[:, fills.FILLED_QTY] / signed[:, fills.BAR_FACTOR]
        np.testing.assert_allclose(np.abs(change), traded, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_limits_hold_at_every_decision(seed):
    bars, proposals = market(seed, 200)
    by_risk = proposals.copy()
    by_risk[:, decision.P_SIZING], by_risk[:, decision.P_SIZE] = decision.BY_RISK, 0.7
    state = acc.new_state(START_EQUITY, 3)
    records, _ = fold(state, bars, by_risk)
    assert state[acc.MOST_RISK] <= LIMITS[decision.RISK_PER_TRADE] * 0.7 * (1 + 1e-9)
    assert state[acc.MOST_HELD] <= LIMITS[decision.MAX_POSITIONS]
    for record in records[records[:, fills.KIND] == fills.ACCEPTED]:
        lots = record[fills.FILLED_QTY] / INSTRUMENTS[int(record[fills.TICKER]), LOT_SIZE]
        assert lots == pytest.approx(round(lots), abs=1e-6)
        if record[fills.TICKER] == 1:
            assert record[fills.FILLED_QTY] <= 700.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_volume_bounds_what_fills_in_a_bar(seed):
    bars, proposals = market(seed, 200)
    records, _ = fold(acc.new_state(START_EQUITY, 3), bars, proposals)
    made = records[np.isin(records[:, fills.KIND], [fills.ENTERED, fills.EXITED])]
    for row in np.unique(made[:, fills.AT_ROW]):
        own = made[made[:, fills.AT_ROW] == row]
        most = INSTRUMENTS[int(own[0, fills.TICKER]), -1]
        as_traded = bars[8][int(row)] * bars[9][int(row)]
        assert own[:, fills.FILLED_QTY].sum() <= most * as_traded * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_story_is_in_order(seed):
    bars, proposals = market(seed, 200)
    records, _ = fold(acc.new_state(START_EQUITY, 3), bars, proposals)
    stories = {}
    for record in records:
        stories.setdefault(int(record[fills.SIGNAL_ID]), []).append(int(record[fills.KIND]))
    for story in stories.values():
        assert story[0] in (fills.ACCEPTED, fills.REJECTED)
        assert fills.REJECTED not in story[1:]
        assert len(story) == 1 or story[0] == fills.ACCEPTED
        assert story.count(fills.CANCELLED) <= 1
        if fills.EXITED in story:
            assert fills.ENTERED not in story[story.index(fills.EXITED) :] or fills.CANCELLED not in story


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 99))
def test_nothing_before_a_row_depends_on_what_follows(seed, cut):
    (bars, proposals), (others, other_proposals) = market(seed, 100), market(seed + 1, 100)
    mixed = [np.concatenate((a[:cut], b[cut:])) for a, b in zip(bars, others, strict=True)]
    joined = np.concatenate(
        (
            proposals[proposals[:, decision.P_ROW] < cut],
            other_proposals[other_proposals[:, decision.P_ROW] >= cut],
        )
    )
    before, curve = fold(acc.new_state(START_EQUITY, 3), bars, proposals)
    after, other_curve = fold(acc.new_state(START_EQUITY, 3), mixed, joined)
    known = [records[records[:, fills.AT_ROW] < cut] for records in (before, after)]
    assert known[0].tobytes() == known[1].tobytes()
    assert curve[:cut].tobytes() == other_curve[:cut].tobytes()
