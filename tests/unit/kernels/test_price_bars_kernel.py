import math

import numpy as np
import pytest
from driven_ticks import fold, in_pieces, random_ticks
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.kernels import bars, price_bars
from tsis.kernels.price_bars import fold_range_bars, fold_renko_bars, initial_range_state, initial_renko_state

COLUMNS = {name: j for j, name in enumerate(price_bars.RENKO_COLUMNS)}
RANGE = (fold_range_bars, initial_range_state, len(price_bars.RANGE_COLUMNS))
RENKO = (fold_renko_bars, initial_renko_state, len(price_bars.RENKO_COLUMNS))
BOTH = pytest.mark.parametrize("bar", [RANGE, RENKO], ids=["range", "renko"])


def rows_of(bar, ticks, points, state=None, **options):
    make, initial_state, width = bar
    return fold(make, width, ticks, (points,), initial_state() if state is None else state, **options)


def at_prices(*prices):
    n = len(prices)
    return np.arange(n), np.arange(n), np.array(prices, dtype=float), np.ones(n), np.zeros(n, np.int8)


# range bars


def test_a_range_bar_closes_on_the_trade_that_spans_the_range():
    found = rows_of(RANGE, at_prices(10, 11, 12, 11, 9, 8, 9.5, 20, 19, 18, 17.5), 2.0)
    shown = found[:, [COLUMNS[name] for name in ("open", "high", "low", "close", "n_ticks")]].tolist()
    # the gap from 9.5 to 20 is inside a bar, those from 12 to 11 and from 9 to 8 are between two; the last is open
    assert shown == [[10, 12, 10, 12, 3], [11, 11, 9, 9, 2], [8, 20, 8, 20, 3]]


@pytest.mark.parametrize("seed", range(5))
def test_range_bars_are_those_of_the_definition(seed):
    ticks = random_ticks(seed, 500)
    bar, expected = [], []
    for price in ticks[2]:
        bar.append(price)
        if max(bar) - min(bar) >= 1.5:
            expected.append((len(bar), bar[0], max(bar), min(bar), bar[-1]))
            bar = []
    found = rows_of(RANGE, ticks, 1.5)
    assert len(expected) > 10
    columns = [COLUMNS[name] for name in ("n_ticks", "open", "high", "low", "close")]
    assert found[:, columns].tolist() == [list(map(float, row)) for row in expected]


def test_decimal_prices_reach_a_decimal_range():
    """100.3 - 100.2 is a little less than 0.1 in binary."""
    assert 100.3 - 100.2 < 0.1
    assert len(rows_of(RANGE, at_prices(100.2, 100.3), 0.1)) == 1
    assert len(rows_of(RANGE, at_prices(100.2, 100.29), 0.1)) == 0
    assert len(rows_of(RENKO, at_prices(100.2, 100.3), 0.1)) == 1
    assert len(rows_of(RENKO, at_prices(100.2, 100.29), 0.1)) == 0


# Renko bars


def bricks(prices, size):
    """Return (place of the trade, bricks, edge) of every move, one brick after the other."""
    edge, direction, found = round(prices[0] / size), 0, []
    for i, price in enumerate(prices):
        count = 0
        while True:
            up = edge + (2 if direction < 0 else 1)
            down = edge - (2 if direction > 0 else 1)
            if price >= up * size:
                edge, direction, count = up, 1, count + 1
            elif price <= down * size:
                edge, direction, count = down, -1, count - 1
            else:
                break
        if count:
            found.append((i, count, edge * size))
    return found


def test_renko_bars_worked_by_hand():
    prices = (100.2, 100.9, 101.0, 103.4, 102.0, 101.1, 100.0, 99.99, 98.0, 100.0, 101.0)
    found = rows_of(RENKO, at_prices(*prices), 1.0)
    named = found[:, [COLUMNS[name] for name in ("open", "close", "n_ticks", "n_bricks", "level")]].tolist()
    assert named == [
        [100.2, 101.0, 3, 1, 101],  # from the edge at 100
        [103.4, 103.4, 1, 2, 103],  # two bricks on one trade
        [102.0, 100.0, 3, -2, 100],  # three edges down, the first of them the lower one of the last brick
        [99.99, 98.0, 2, -2, 98],
        [100.0, 100.0, 1, 1, 100],
        [101.0, 101.0, 1, 1, 101],
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [0.25, 0.5, 0.75])
def test_renko_bars_are_those_of_the_definition(seed, size):
    ticks = random_ticks(seed, 2_000)
    found, expected = rows_of(RENKO, ticks, size), bricks(ticks[2].tolist(), size)
    assert len(expected) > 5
    assert any(abs(count) > 1 for _, count, _ in expected)
    assert found[:, COLUMNS["seq"]].tolist() == [i for i, _, _ in expected]
    assert found[:, COLUMNS["n_bricks"]].tolist() == [count for _, count, _ in expected]
    assert found[:, COLUMNS["level"]].tolist() == [edge for _, _, edge in expected]
    np.testing.assert_array_equal(found[:, COLUMNS["close"]], ticks[2][[i for i, _, _ in expected]])


def test_the_edges_do_not_depend_on_where_the_data_begin():
    ticks = random_ticks(3, 2_000)
    whole = rows_of(RENKO, ticks, 0.75)
    later = rows_of(RENKO, [array[700:] for array in ticks], 0.75)
    # after the first reversal that both see they are the same
    assert len(later) > 50
    np.testing.assert_array_equal(whole[-len(later) + 10 :, :20], later[10:, :20])


# properties of both

seeds, lengths, sizes = st.integers(0, 10_000), st.integers(0, 300), st.sampled_from([0.25, 0.6, 2.5])


@BOTH
@settings(max_examples=40)
@given(seed=seeds, n=lengths, cuts=st.lists(st.integers(0, 300), max_size=6), capacity=st.integers(1, 5), points=sizes)
def test_any_pieces_and_any_capacity_give_the_same_bytes(bar, seed, n, cuts, capacity, points):
    ticks, whole_state = random_ticks(seed, n), bar[1]()
    whole = rows_of(bar, ticks, points, whole_state)
    pieces, state = in_pieces(bar[0], bar[2], ticks, (points,), bar[1](), cuts, capacity)
    assert pieces.tobytes() == whole.tobytes()
    assert state.tobytes() == whole_state.tobytes()


@BOTH
@settings(max_examples=40)
@given(seed=seeds, n=lengths, points=sizes)
def test_volume_and_money_are_conserved_and_prices_ordered(bar, seed, n, points):
    ticks, state = random_ticks(seed, n), bar[1]()
    found = rows_of(bar, ticks, points, state)
    volume, dollars, count = (found[:, COLUMNS[name]].sum() for name in ("volume", "dollar_volume", "n_ticks"))
    assert volume + state[5] == ticks[3].sum()
    assert dollars + state[6] == pytest.approx((ticks[2] * ticks[3]).sum(), rel=1e-12)
    assert count + state[0] == n
    opens, highs, lows, closes = (found[:, COLUMNS[name]] for name in ("open", "high", "low", "close"))
    assert (lows <= np.minimum(opens, closes)).all()
    assert (np.maximum(opens, closes) <= highs).all()
    if bar is RANGE:
        assert (highs - lows >= points * (1 - 1e-9)).all()


@BOTH
@settings(max_examples=25)
@given(seed=seeds, cut=st.integers(0, 300), points=sizes)
def test_no_bar_sees_later_trades(bar, seed, cut, points):
    ticks = random_ticks(seed, 300)
    known = rows_of(bar, [array[:cut] for array in ticks], points)
    changed = [array.copy() for array in ticks]
    changed[2][cut:] *= 3.0
    np.testing.assert_array_equal(known, rows_of(bar, changed, points)[: len(known)])


@BOTH
@settings(max_examples=25)
@given(seed=seeds, scale=st.sampled_from([0.125, 3.0, 7.7, 1e4]), points=sizes)
def test_prices_and_points_scaled_together_give_the_same_bars(bar, seed, scale, points):
    ticks = random_ticks(seed, 300)
    scaled = [*ticks[:2], ticks[2] * scale, *ticks[3:]]
    columns = [COLUMNS[name] for name in ("ts_close", "seq", "volume", "n_ticks")]
    np.testing.assert_array_equal(
        rows_of(bar, ticks, points)[:, columns], rows_of(bar, scaled, points * scale)[:, columns]
    )


@BOTH
def test_a_price_factor_counts_in_the_range_as_in_the_prices(bar):
    ticks = random_ticks(4, 300)
    adjusted = rows_of(bar, ticks, 1.0, factors=(1.0, 2.0, 0.5))
    plain = rows_of(bar, ticks, 0.5)
    assert len(plain) > 10
    np.testing.assert_array_equal(adjusted[:, COLUMNS["seq"]], plain[:, COLUMNS["seq"]])
    np.testing.assert_array_equal(adjusted[:, COLUMNS["close"]], 2.0 * plain[:, COLUMNS["close"]])
    np.testing.assert_array_equal(adjusted[:, COLUMNS["volume"]], 0.5 * plain[:, COLUMNS["volume"]])


@BOTH
def test_a_range_larger_than_the_day_leaves_the_bar_open(bar):
    ticks, state = random_ticks(2, 300), bar[1]()
    assert len(rows_of(bar, ticks, 1e6, state)) == 0
    assert state[0] == 300


@BOTH
def test_trades_of_size_zero_move_the_price(bar):
    ticks = list(random_ticks(2, 300))
    expected = rows_of(bar, ticks, 0.5)[:, COLUMNS["seq"]]
    ticks[3] = np.zeros(300)
    found = rows_of(bar, ticks, 0.5)
    np.testing.assert_array_equal(found[:, COLUMNS["seq"]], expected)
    assert all(math.isnan(value) for value in found[:, COLUMNS["vwap"]])


def test_the_first_columns_are_those_of_all_bars():
    assert price_bars.RANGE_COLUMNS == bars.OUT_COLUMNS
    assert price_bars.RENKO_COLUMNS[: len(bars.OUT_COLUMNS)] == bars.OUT_COLUMNS
