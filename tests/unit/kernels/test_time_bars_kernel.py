import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.kernels import bars as one
from tsis.kernels import time_bars as kernel

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
T0 = 1_378_080_000_000_000  # 2013-09-02 00:00 UTC
INTERVALS = np.array([MINUTE, 5 * MINUTE, 7 * MINUTE, HOUR, DAY])


def ticks(seed, n, longest_gap):
    random = np.random.default_rng(seed)
    ts = T0 + np.cumsum(random.integers(0, longest_gap, n))
    price = 100.0 + 0.25 * np.cumsum(random.integers(-1, 2, n))
    size = random.integers(1, 30, n) * 0.1  # sums of tenths depend on their order
    return ts, np.arange(n), price, size, random.integers(-1, 2, n).astype(np.int8)


def fold(tape, intervals, grid, state=None, capacity=1_000, factors=(2.0, 1.5, 0.5)):
    state = kernel.initial_state(intervals.size) if state is None else state
    rows, i = [], 0
    while i < tape[0].size:
        out = np.empty((capacity, len(kernel.OUT_COLUMNS)))
        consumed, written = kernel.fold_time_bars(*(x[i:] for x in tape), intervals, *grid, *factors, state, out)
        assert consumed > 0 or written > 0
        rows.append(out[:written])
        i += consumed
    return np.concatenate(rows) if rows else np.empty((0, len(kernel.OUT_COLUMNS)))


def alone(tape, interval, state=None, factors=(2.0, 1.5, 0.5)):
    state = one.initial_state() if state is None else state
    out = np.empty((tape[0].size + 1, len(one.OUT_COLUMNS)))
    consumed, written = one.fold_bars(*tape, one.TIME, float(interval), *factors, state, out)
    assert consumed == tape[0].size
    return out[:written]


@pytest.mark.parametrize("longest_gap", [10_000_000, 40_000_000, 900_000_000])
def test_every_interval_equals_its_own_fold_bit_for_bit(longest_gap):
    tape = ticks(1, 20_000, longest_gap)
    rows = fold(tape, INTERVALS, kernel.EPOCH, capacity=INTERVALS.size + 1)
    for j, interval in enumerate(INTERVALS):
        expected = alone(tape, interval)
        assert expected.shape[0] > 0
        assert rows[rows[:, 0] == j, 1:].tobytes() == expected.tobytes()


def test_on_the_grid_of_sessions_each_session_equals_a_fold_that_begins_at_its_open():
    tape = ticks(2, 20_000, 60_000_000)
    days = np.arange(T0, tape[0][-1] + DAY, DAY)
    opens = days + 13 * HOUR + 30 * MINUTE
    closes = opens + 6 * HOUR + 30 * MINUTE
    closes[1] = opens[1] + 3 * HOUR + 13 * MINUTE  # a half day that fits no interval
    intervals = np.array([MINUTE, 5 * MINUTE, HOUR, kernel.WHOLE_SESSION])
    state = kernel.initial_state(intervals.size)
    rows = fold(tape, intervals, (opens, opens, closes), state)
    out = np.empty((intervals.size, len(kernel.OUT_COLUMNS)))
    rows = np.concatenate([rows, out[: kernel.close_until(int(tape[0][-1]), state, out)]])
    n_compared = 0
    for j, interval in enumerate(intervals):
        carried = one.initial_state()
        for opened, closed in zip(opens, closes, strict=True):
            part = [x[np.searchsorted(tape[0], opened) : np.searchsorted(tape[0], closed)] for x in tape]
            if part[0].size == 0 or tape[0][-1] < closed:
                continue
            # the tick rule remembers the trade before, inside a session or not
            before = [x[: np.searchsorted(tape[0], opened)] for x in tape]
            alone(before, DAY, carried := one.initial_state())
            first = one.initial_state()
            first[4], first[12] = carried[4], carried[12]
            length = float(min(interval, closed - opened))
            shifted = [part[0] - opened, *part[1:]]
            expected = [alone(shifted, length, first)]
            expected.append(np.empty((1, len(one.OUT_COLUMNS))))
            expected[1] = expected[1][: one.close_interval(int(length), first, expected[1])]
            expected = np.concatenate(expected)
            expected[:, [0, 1, 16, 18]] += opened
            expected[:, 1] = np.minimum(expected[:, 1], closed)
            found = rows[(rows[:, 0] == j) & (rows[:, 1] >= opened) & (rows[:, 1] < closed), 1:]
            assert found.tobytes() == expected.tobytes()
            n_compared += found.shape[0]
    assert n_compared == rows.shape[0] > 2_000


@settings(max_examples=40)
@given(st.integers(0, 1_000), st.lists(st.integers(0, 3_000), max_size=4).map(sorted), st.booleans())
def test_pieces_with_a_saved_state_give_the_bytes_of_the_whole(seed, cuts, is_by_session):
    tape = ticks(seed, 3_000, 50_000_000)
    opens = np.arange(T0 + HOUR, T0 + 3 * DAY, 2 * HOUR)
    grid = (opens, opens, opens + HOUR + 90_000_000) if is_by_session else kernel.EPOCH
    whole = fold(tape, INTERVALS, grid)
    state, pieces = kernel.initial_state(INTERVALS.size), []
    for first, last in zip([0, *cuts], [*cuts, 3_000], strict=True):
        state = np.frombuffer(state.tobytes()).copy()
        pieces.append(fold([x[first:last] for x in tape], INTERVALS, grid, state, capacity=INTERVALS.size))
    assert np.concatenate(pieces).tobytes() == whole.tobytes()
    # what is known from a beginning stays as it is
    known = fold([x[: cuts[0]] for x in tape], INTERVALS, grid) if cuts else whole
    assert known.tobytes() == whole[: known.shape[0]].tobytes()


def test_trades_at_the_open_are_in_and_trades_at_the_close_are_out():
    opens, closes = np.array([T0 + 90_000_000]), np.array([T0 + 90_000_000 + 150_000_000])
    ts = np.array([opens[0] - 1, opens[0], opens[0] + 2 * MINUTE, closes[0] - 1, closes[0], closes[0] + MINUTE])
    price = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    tape = ts, np.arange(6), price, np.ones(6), np.zeros(6, np.int8)
    rows = fold(tape, np.array([MINUTE, kernel.WHOLE_SESSION]), (opens, opens, closes), factors=(1.0, 1.0, 1.0))
    assert rows[:, 0].tolist() == [0.0, 0.0, 1.0]
    assert (rows[:, 1] - opens[0]).tolist() == [0, 2 * MINUTE, 0]
    # the last minute is cut at the close
    assert (rows[:, 2] - opens[0]).tolist() == [MINUTE, 150_000_000, 150_000_000]
    assert rows[:, 4].tolist() == [2.0, 3.0, 2.0]
    assert rows[:, 7].tolist() == [2.0, 4.0, 4.0]
    assert rows[:, 10].tolist() == [1.0, 2.0, 3.0]
    assert rows[0, 12] == 1.0  # a buy: the trade before the open was cheaper


def test_volume_and_money_are_conserved_over_the_bars_of_each_interval():
    tape = ticks(3, 5_000, 5_000_000)
    state = kernel.initial_state(INTERVALS.size)
    rows = fold(tape, INTERVALS, kernel.EPOCH, state, factors=(1.0, 1.0, 1.0))
    out = np.empty((INTERVALS.size, len(kernel.OUT_COLUMNS)))
    rows = np.concatenate([rows, out[: kernel.close_until(2**62, state, out)]])
    for j in range(INTERVALS.size):
        mine = rows[rows[:, 0] == j]
        assert mine[:, 8].sum() == pytest.approx(tape[3].sum(), rel=1e-12)
        assert mine[:, 9].sum() == pytest.approx((tape[2] * tape[3]).sum(), rel=1e-12)
        assert mine[:, 10].sum() == 5_000


def test_no_trades_no_bars():
    empty = ticks(0, 0, 10)
    assert fold(empty, INTERVALS, kernel.EPOCH).shape == (0, 21)
    none = np.empty(0, np.int64)
    assert fold(ticks(0, 10, 10), INTERVALS, (none, none, none)).shape == (0, 21)
