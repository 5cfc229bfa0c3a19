import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.core.errors import DataError, ParamsError
from tsis.signals.active_bets import average_active, budget_size, concurrent_bets

OPEN = np.iinfo(np.int64).max


@st.composite
def bets(draw):
    n = draw(st.integers(1, 25))
    t0 = np.array(draw(st.lists(st.integers(0, 30), min_size=n, max_size=n)))
    t1 = t0 + np.array(draw(st.lists(st.integers(1, 12), min_size=n, max_size=n)))
    size = np.array(draw(st.lists(st.floats(-1, 1), min_size=n, max_size=n)))
    return t0, t1, size


@settings(max_examples=100)
@given(bets())
def test_the_average_is_that_of_the_active_bets_at_every_moment(data):
    t0, t1, size = data
    moments, average = average_active(t0, t1, size)
    assert moments.tolist() == sorted({*t0.tolist(), *t1.tolist()})
    for moment, found in zip(moments, average, strict=True):
        active = size[(t0 <= moment) & (moment < t1)].tolist()
        assert found == pytest.approx(math.fsum(active) / len(active), abs=1e-12) if active else found == 0.0


@settings(max_examples=50)
@given(bets(), st.integers(0, 42))
def test_bets_that_are_over_leave_no_trace_and_those_to_come_none_yet(data, moment):
    t0, t1, size = data
    moments, average = average_active(t0, t1, size)
    is_active = (t0 <= moment) & (moment < t1)
    at = np.searchsorted(moments, moment, side="right") - 1
    if is_active.any():
        own, of_active = average_active(t0[is_active], t1[is_active], size[is_active])
        assert of_active[np.searchsorted(own, moment, side="right") - 1] == average[at]


def test_three_bets_by_hand():
    moments, average = average_active(np.array([0, 10, 20]), np.array([15, 30, OPEN]), np.array([0.5, -0.25, 1.0]))
    assert moments.tolist() == [0, 10, 15, 20, 30, OPEN]
    assert average.tolist() == [0.5, 0.125, -0.25, 0.375, 1.0, 0.0]


@settings(max_examples=60)
@given(bets())
def test_concurrent_bets_are_counted_as_each_begins(data):
    t0, t1, side = data
    n_long, n_short = concurrent_bets(t0, t1, side)
    for i, moment in enumerate(t0):
        active = side[(t0 <= moment) & (moment < t1)]
        assert (n_long[i], n_short[i]) == (np.sum(active > 0), np.sum(active < 0))


def test_the_budget_is_used_up_by_as_many_bets_as_ever_were():
    size = budget_size([0, 1, 4, 8, 2], [0, 0, 0, 1, 4], 4, 2)
    assert size.tolist() == [0.0, 0.25, 1.0, 0.5, -0.5]


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
def test_the_budget_is_a_share_less_a_share(n_long, n_short, most_long, most_short):
    expected = min(Fraction(n_long, most_long), 1) - min(Fraction(n_short, most_short), 1)
    assert budget_size([n_long], [n_short], most_long, most_short)[0] == pytest.approx(float(expected), abs=1e-15)


def test_nothing_in_nothing_out():
    none = np.array([], dtype=np.int64)
    moments, average = average_active(none, none, none.astype(float))
    assert moments.size == average.size == 0
    assert concurrent_bets(none, none, none)[0].size == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: average_active(t, t, t * 0.1), DataError, "3 of 3 end at or before their beginning"),
        (lambda t: average_active(t, t + 1, t * 1.0), DataError, r"1 of 3 sizes are NaN or outside \[-1, 1\]"),
        (lambda t: average_active(t, t + 1, t * np.nan), DataError, "3 of 3 sizes"),
        (lambda t: average_active(t, t[:2] + 1, t * 0.1), DataError, "3 t0, 2 t1 and 3 sizes"),
        (lambda t: budget_size(t, t, 0, 1), ParamsError, "most_long = 0"),
    ],
)
def test_what_are_no_bets_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(np.arange(3))
