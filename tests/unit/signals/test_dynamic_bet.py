import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tsis.core.errors import DataError, ParamsError
from tsis.signals.dynamic_bet import breakeven_price, dynamic_bet_size, limit_price, sigmoid_width, target_position

DIGITS = {"abs": 5e-7}
PRICE, WIDTH = st.floats(50, 150), st.floats(0.1, 1000)


def test_published_figures():
    width = sigmoid_width(10, 0.95)
    assert width == pytest.approx(10.803324, **DIGITS)
    assert dynamic_bet_size(115, 100, width) == pytest.approx(0.976824, **DIGITS)
    assert target_position(115, 100, width, 100) == 97
    assert limit_price(115, 0, 97, width, 100) == pytest.approx(112.365739, **DIGITS)


@given(st.floats(-50, 50), st.floats(0.01, 0.99))
def test_the_width_gives_the_size_at_the_divergence(divergence, size):
    assume(abs(divergence) > 1e-3)
    width = sigmoid_width(divergence, size)
    assert dynamic_bet_size(100 + divergence, 100, width) == pytest.approx(math.copysign(size, divergence), rel=1e-9)


@given(PRICE, PRICE, WIDTH)
def test_the_breakeven_price_of_a_size_is_the_price_that_has_it(forecast, price, width):
    size = dynamic_bet_size(forecast, price, width)
    assume(abs(size) < 0.9999)
    assert breakeven_price(forecast, size, width) == pytest.approx(price, abs=1e-6)


@given(PRICE, PRICE, WIDTH, st.integers(2, 200))
def test_the_target_is_rounded_towards_no_position_and_never_the_bound(forecast, price, width, bound):
    target, size = target_position(forecast, price, width, bound), dynamic_bet_size(forecast, price, width)
    assert abs(target) < bound
    assert abs(target) <= abs(size) * bound < abs(target) + 1 or abs(target) == bound - 1
    assert target * size >= 0


@given(PRICE, PRICE, WIDTH, st.integers(-40, 40), st.integers(42, 90))
def test_no_order_is_worse_than_the_market_that_called_for_it(forecast, price, width, position, bound):
    """Bought at most at a price that still asks for the position on average, and never below the market; so sold."""
    target = target_position(forecast, price, width, bound)
    limit = limit_price(forecast, position, target, width, bound)
    if target == position:
        assert math.isnan(limit)
    else:
        # towards zero the target is rounded in favour of trading: by less than a unit
        unit = abs(breakeven_price(forecast, target / bound, width) - price)
        assert (limit - price) * (1 if target > position else -1) >= -unit - 1e-9


@given(PRICE, WIDTH, st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20))
def test_two_orders_cost_what_one_does(forecast, width, start, middle, end):
    assume(start < middle < end or start > middle > end)
    parts = [limit_price(forecast, a, b, width, 30) * abs(b - a) for a, b in ((start, middle), (middle, end))]
    assert sum(parts) == pytest.approx(limit_price(forecast, start, end, width, 30) * abs(end - start), rel=1e-9)


@given(PRICE, WIDTH, st.integers(-20, 20), st.integers(-20, 20))
def test_short_is_the_mirror_image_of_long(forecast, width, position, target):
    assume(position != target)
    above = limit_price(forecast, -position, -target, width, 30) - forecast
    assert above == pytest.approx(forecast - limit_price(forecast, position, target, width, 30), abs=1e-6)


def test_a_far_price_does_not_ask_for_all():
    assert target_position(1e12, 0, 1e-9, 100) == 99
    assert math.isfinite(limit_price(1e12, 0, 99, 1e-9, 100))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sigmoid_width(0, 0.95), ParamsError, "divergence = 0"),
        (lambda: sigmoid_width(10, 1.0), ParamsError, "size = 1"),
        (lambda: dynamic_bet_size(1, 2, 0), ParamsError, "width = 0; must be positive"),
        (lambda: target_position(115, 100, 10, 1), ParamsError, "max_position = 1; must be at least 2"),
        (lambda: target_position(math.nan, 100, 10, 100), DataError, "forecast = nan, price = 100"),
        (lambda: breakeven_price(115, 1.0, 10), ParamsError, "size = 1; must lie between -1 and 1"),
        (lambda: limit_price(115, 0, 100, 10, 100), ParamsError, "size = 1"),
    ],
)
def test_what_is_no_bet_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
