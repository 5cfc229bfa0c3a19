from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import entropy

from tsis.kernels import quote_flow as kernel
from tsis.kernels import size_entropy as sizes

NAN = np.nan
S = 1_000_000  # microseconds


def said(messages, max_age=900 * S, state=None):
    """Return `QUOTE_COLUMNS` after messages of (second, bid, bid size, ask, ask size)."""
    ts, *sides = np.array(messages, dtype=float).T.copy()
    out = np.empty((len(messages), 5))
    kernel.quote_flow(
        (ts * S).astype(np.int64), *sides, max_age, kernel.initial_quote_state() if state is None else state, out
    )
    return out


def measured(messages, bars, next_open=NAN, max_age=900 * S):
    """Return `BAR_COLUMNS` of bars of (open second, close second)."""
    ts = np.array([message[0] * S for message in messages], dtype=np.int64)
    out = np.empty((len(bars), 7))
    opens, closes = np.array(bars, dtype=float).T.copy() * S
    state = kernel.initial_bar_state()
    quotes = said(messages, max_age) if messages else np.empty((0, 5))
    kernel.measure_bars(ts, quotes, opens, closes, next_open, state, out)
    return [dict(zip(kernel.BAR_COLUMNS, row, strict=True)) for row in out]


def test_the_flow_of_cont_kukanov_and_stoikov():
    found = said(
        [
            (0, 99, 10, 101, 20),
            (1, 99, 15, 101, 20),  # 5 more bid
            (2, 99, 15, 101, 12),  # 8 fewer offered
            (3, 100, 7, 101, 12),  # a better bid of 7
            (4, 99, 30, 101, 12),  # that bid is gone
            (5, 99, 30, 100, 4),  # a better offer of 4
            (6, 99, 30, 102, 9),  # and gone
            (7, 98, 50, 103, 60),  # both sides fall back: 30 bid and 9 offered are gone
        ]
    )
    assert found[:, 3].tolist() == [0, 5, 8, 7, -7, -4, 4, -30 + 9]
    assert found[:, 0] == pytest.approx([200, 200, 200, 1e4 / 100.5, 200, 1e4 / 99.5, 3e4 / 100.5, 5e4 / 100.5])


def test_a_side_that_a_message_lacks_stands_as_it_was():
    found = said([(0, 99, 10, NAN, NAN), (1, NAN, NAN, 101, 20), (2, 99, 12, NAN, NAN), (3, NAN, NAN, 98, 5)])
    assert np.isnan(found[0, :3]).all()
    np.testing.assert_array_equal(found[1:, 1:4], [[10, 20, 0], [12, 20, 2], [12, 5, -5]])
    assert found[1:3, 0].tolist() == [200, 200]
    assert np.isnan(found[3, 0])  # 99 bid, offered at 98
    assert found[:, 4].tolist() == [-np.inf, 900 * S, 901 * S, 902 * S]


def test_a_flow_is_missing_with_a_size_and_nothing_after_a_stale_quote():
    found = said([(0, 99, 10, 101, 20), (1, 99, NAN, 101, 20), (2, 99, 5, 101, 20), (3, 99, 6, 101, 20)])
    np.testing.assert_array_equal(found[:, 3], [0, NAN, NAN, 1])
    found = said([(0, 99, 10, 101, 20), (10, 99, 15, 101, 20), (21, 99, 17, 101, 20)], max_age=10 * S)
    assert found[:, 3].tolist() == [0, 5, 0]


def test_a_mean_spread_is_weighted_by_time():
    quotes = [(0, 99, 10, 101, 20), (6, 99.5, 30, 100.5, 10), (9, 99, 5, 101, 5)]
    (bar,) = measured(quotes, [(2, 10)])
    assert bar["spread_bps"] == pytest.approx((4 * 200 + 3 * 100 + 1 * 200) / 8)
    assert bar["spread_close_bps"] == pytest.approx(200)
    assert (bar["bid_size"], bar["ask_size"], bar["depth_imbalance"], bar["n_quotes"]) == (5, 5, 0, 2)
    assert bar["order_flow"] == (30 + -10) + (-30 + 10)


def test_quotes_belong_to_the_bar_after_whose_open_they_come():
    quotes = [(0, 99, 1, 101, 1), (1, 99, 2, 101, 1), (2, 99, 4, 101, 1), (3, 99, 8, 101, 1)]
    found = measured(quotes, [(0, 1), (1, 2), (2, 2), (2, 3)])
    assert [bar["n_quotes"] for bar in found] == [1, 1, 0, 1]
    assert [bar["order_flow"] for bar in found] == [1, 2, 0, 4]
    assert [bar["bid_size"] for bar in found] == [2, 4, 4, 8]
    assert np.isnan(found[2]["spread_bps"])  # it lasts no time


def test_time_without_a_fresh_quote_does_not_count():
    quotes = [(0, 99, 10, 101, 20), (50, 99.5, 30, 100.5, 10)]
    during, stale, after = measured(quotes, [(0, 20), (20, 40), (40, 60)], max_age=15 * S)
    assert during["spread_bps"] == pytest.approx(200)
    assert np.isnan(during["spread_close_bps"])
    assert during["order_flow"] != during["order_flow"]
    assert np.isnan([value for name, value in stale.items() if name != "n_quotes"]).all()
    assert after["spread_bps"] == after["spread_close_bps"] == pytest.approx(100)
    assert after["order_flow"] == 0
    (never,) = measured([], [(0, 20)])
    assert never["n_quotes"] == 0
    assert np.isnan(list(never.values())[:-1]).all()


def plain(messages, opened, closed, max_age):
    """Return mean spread, flow and number of quotes, microsecond by microsecond."""
    quotes = said(messages, max_age)
    ts = np.array([message[0] for message in messages])
    total, time = 0.0, 0
    for moment in range(opened, closed):
        standing = np.flatnonzero(ts <= moment)
        if standing.size and moment * S < quotes[standing[-1], 4] and not np.isnan(quotes[standing[-1], 0]):
            total, time = total + quotes[standing[-1], 0], time + 1
    inside = (ts > opened) & (ts <= closed)
    return total / time if time else NAN, quotes[inside, 3].sum(), inside.sum()


@pytest.mark.parametrize("seed", range(4))
def test_bars_are_those_of_a_count_second_by_second(seed):
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, 300, 60))
    bids = 100.0 + random.integers(-3, 4, 60) / 4
    messages = [
        (int(t), bid if random.random() < 0.8 else NAN, 1 + i % 7, bid + 0.25 * (i % 4), 1 + i % 5)
        for i, (t, bid) in enumerate(zip(seconds, bids, strict=True))
    ]
    edges = np.unique(random.integers(0, 320, 12)).tolist()
    bars = [*pairwise(edges), (edges[2], edges[6])]
    for bar, (opened, closed) in zip(measured(messages, bars, max_age=12 * S), bars, strict=True):
        spread, flow, count = plain(messages, opened, closed, 12 * S)
        np.testing.assert_allclose(bar["spread_bps"], spread, rtol=1e-12)
        assert bar["n_quotes"] == count
        assert bar["order_flow"] == flow or (np.isnan(bar["order_flow"]) and count == 0)


def test_classes_double():
    size = np.array([1e-12, 0.25, 0.5, 0.999, 1, 1.999, 2, 3, 4, 7, 8, 1e6, 1e30])
    out = np.empty(size.size, np.int8)
    sizes.size_classes(size, out)
    expected = np.clip(np.floor(np.log2(size)).astype(int) + 24, 0, 63)
    assert out.tolist() == expected.tolist()


@pytest.mark.parametrize("counts", [[1], [5, 5], [3, 1], [2, 2, 2, 2], [7, 1, 4, 1]])
def test_entropy_is_that_of_scipy(counts):
    assert sizes.class_entropy(np.array([*counts, 0], dtype=float)) == pytest.approx(entropy(counts, base=2), abs=1e-12)


def test_entropy_of_no_trades_is_missing():
    assert np.isnan(sizes.class_entropy(np.zeros(3)))


def test_bars_begin_and_end_with_their_trades():
    classes, state, out = np.array([1, 1, 2, 5, 5, 6, 7], np.int8), sizes.initial_state(), np.empty(2)
    state[3] = 2.0
    first, stop = np.array([0, 4]), np.array([2, 6])
    sizes.size_entropy(classes, first, stop, True, 6, state, out)
    assert out.tolist() == [1.0, 1.0]  # 3 3 1 1, then 5 6; two trades in between are in no bar
    assert np.flatnonzero(state).tolist() == [7]
    sizes.size_entropy(classes, first[:0], stop[:0], False, 5, state, out[:0])
    assert np.flatnonzero(state).tolist() == [6, 7]


def test_places_are_found_among_ties():
    ts, seq = np.array([1, 2, 2, 2, 3]), np.array([0, 0, 1, 5, 0])
    found = sizes.places(ts, seq, np.array([0, 2, 2, 2, 2, 9]), np.array([0, -1, 1, 4, 5, 0]))
    assert found.tolist() == [0, 1, 3, 3, 4, 5]
