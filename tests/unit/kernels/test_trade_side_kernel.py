import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.kernels import trade_side as kernel

PRICES = st.integers(-3, 3).map(lambda x: 10.0 + x / 8)


def lee_ready(price, bid, ask, vendor=None):
    price, bid, ask = (np.asarray(x, float) for x in (price, bid, ask))
    vendor = np.zeros(price.size, np.int8) if vendor is None else np.asarray(vendor, np.int8)
    side, rule = np.empty(price.size, np.int8), np.empty(price.size, np.int8)
    kernel.lee_ready(price, vendor, bid, ask, kernel.initial_tick_state(), side, rule)
    return side.tolist(), rule.tolist()


def test_the_tick_rule_keeps_the_sign_of_the_last_change():
    side = np.empty(7, np.int8)
    kernel.tick_rule(np.array([5.0, 5.0, 6.0, 6.0, 5.5, 5.5, 7.0]), kernel.initial_tick_state(), side)
    assert side.tolist() == [0, 0, 1, 1, -1, -1, 1]


def test_quotes_decide_off_the_midpoint_and_ticks_at_it():
    price = [10.0, 10.1, 10.2, 10.15, 10.1]
    side, rule = lee_ready(price, [10.0] * 5, [10.2] * 5)
    # above the midpoint a buy though the price falls; at it the last change, which is a fall
    assert side == [-1, 1, 1, 1, -1]
    assert rule == [kernel.QUOTE, kernel.TICK, kernel.QUOTE, kernel.QUOTE, kernel.TICK]


@pytest.mark.parametrize(("bid", "ask"), [(np.nan, np.nan), (np.nan, 10.0), (10.0, np.nan), (9.0, 9.0), (9.2, 9.0)])
def test_absent_locked_and_crossed_quotes_leave_it_to_the_ticks(bid, ask):
    side, rule = lee_ready([10.0, 10.0, 11.0], [bid] * 3, [ask] * 3)
    assert side == [0, 0, 1]
    assert rule == [kernel.NONE, kernel.NONE, kernel.TICK]


def test_the_vendor_comes_first_and_does_not_enter_the_memory():
    side, rule = lee_ready([10.0, 11.0, 11.0], [np.nan] * 3, [np.nan] * 3, vendor=[1, -1, 0])
    assert side == [1, -1, 1]
    assert rule == [kernel.VENDOR, kernel.VENDOR, kernel.TICK]


@given(st.integers(1, 10**6), st.integers(0, 200))
def test_a_price_at_the_midpoint_is_found_in_binary(bid, half_spread):
    """In cents, most midpoints are no sums of binary fractions: 0.5 * (10.01 + 10.03) is not 10.02 in every case."""
    cents = np.array([bid, bid + 2 * half_spread, bid + half_spread, bid + half_spread + 1])
    low, high, middle, above = cents / 100
    _, rule = lee_ready([middle, above], [low] * 2, [high] * 2)
    assert rule == [kernel.NONE, kernel.QUOTE if half_spread else kernel.TICK]


@settings(max_examples=100)
@given(st.lists(st.tuples(PRICES, PRICES, PRICES, st.sampled_from([0, 0, 0, 1, -1])), max_size=40))
def test_reversed_prices_reverse_the_sides(rows):
    """Mirroring prices at a constant makes buys of sells; a vendor's side is turned with them."""
    price, bid, ask, vendor = (np.array(x) for x in zip(*rows, strict=True)) if rows else (np.empty(0),) * 4
    side, rule = lee_ready(price, bid, ask, vendor)
    turned, same_rule = lee_ready(20.0 - price, 20.0 - ask, 20.0 - bid, -vendor)
    assert (np.array(turned) == -np.array(side)).all()
    assert same_rule == rule


def test_a_side_stands_until_it_is_quoted_again():
    nan = np.nan
    out = np.empty((5, 3))
    kernel.two_sided_quotes(
        np.array([1, 2, 3, 4, 5]),
        np.array([9.0, nan, nan, 9.5, nan]),
        np.array([nan, 10.0, 11.0, nan, nan]),
        kernel.initial_quote_state(),
        out,
    )
    assert np.isnan(out[0]).all()
    assert out[1:].tolist() == [[9.0, 10.0, 1.0], [9.0, 11.0, 1.0], [9.5, 11.0, 3.0], [9.5, 11.0, 3.0]]
