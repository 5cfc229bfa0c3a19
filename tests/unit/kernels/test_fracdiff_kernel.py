from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tsis.features.fracdiff import bank

from tsis.kernels.fracdiff import (
    expanding_skip,
    expanding_weights,
    expanding_window,
    fixed_weights,
    fixed_window,
)


def walk(n, seed=3):
    return np.log(100.0) + np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, n))


def fixed(x, weights, state=None):
    out = np.empty(x.size)
    fixed_window(x, weights, np.zeros(weights.size) if state is None else state, out)
    return out


def test_the_weights_are_those_of_the_book():
    expected = [1, -2 / 5, -3 / 25, -8 / 125, -26 / 625, -468 / 15625]
    np.testing.assert_allclose(expanding_weights(0.4, 6), expected, rtol=1e-14)
    assert fixed_weights(0.9, 1e-3).size == 12
    assert fixed_weights(0.4, 1e-5).size == 1458
    assert expanding_weights(2.0, 5).tolist() == [1.0, -2.0, 1.0, 0.0, 0.0]
    assert fixed_weights(0.0, 1e-3).tolist() == [1.0]
    assert fixed_weights(1.0, 1e-3).tolist() == [1.0, -1.0]
    assert expanding_weights(0.4, 0).size == 0


@pytest.mark.parametrize("cut_off", [1e-2, 1e-4])
def test_no_weight_of_the_window_is_below_the_cut_off_and_the_next_one_is(cut_off):
    weights = fixed_weights(0.35, cut_off)
    assert (np.abs(weights) >= cut_off).all()
    assert abs(expanding_weights(0.35, weights.size + 1)[-1]) < cut_off


@pytest.mark.parametrize(("d", "cut_off", "n"), [(0.4, 1e-4, 2_000), (0.9, 1e-3, 1_100), (0.4, 1e-2, 700)])
def test_a_fixed_window_is_a_convolution(d, cut_off, n):
    x, weights = walk(n), fixed_weights(d, cut_off)
    found = fixed(x, weights)
    assert np.isnan(found[: weights.size - 1]).all()
    expected = np.convolve(x, weights, mode="valid")
    np.testing.assert_allclose(found[weights.size - 1 :], expected, rtol=0, atol=1e-13)


def test_orders_nought_and_one_are_the_series_and_its_changes():
    x = walk(600)
    assert fixed(x, fixed_weights(0.0, 1e-3)).tobytes() == x.tobytes()
    assert fixed(x, fixed_weights(1.0, 1e-3))[1:].tobytes() == np.diff(x).tobytes()


def test_blocks_give_the_bits_of_single_rows():
    # the batch works in blocks of 512 rows, eight taps at a time; a live row is one sum
    x, weights = walk(2_500), fixed_weights(0.4, 1e-4)
    assert weights.size % 8
    state, live = np.zeros(weights.size), np.empty(x.size)
    for i in range(x.size):
        fixed_window(x[i : i + 1], weights, state, live[i : i + 1])
    whole = np.zeros(weights.size)
    assert fixed(x, weights, whole).tobytes() == live.tobytes()
    assert whole.tobytes() == state.tobytes()


@settings(max_examples=30)
@given(st.integers(0, 1_600), st.lists(st.integers(0, 1_600), max_size=4), st.sampled_from([1e-2, 3e-4]))
def test_any_pieces_give_the_same_bits(n, cuts, cut_off):
    x, weights = walk(n), fixed_weights(0.4, cut_off)
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    state, parts = np.zeros(weights.size), [np.empty(0)]
    for first, end in pairwise(edges):
        state = np.frombuffer(state.tobytes()).copy()
        parts.append(fixed(x[first:end], weights, state))
    assert np.concatenate(parts).tobytes() == fixed(x, weights).tobytes()


def test_a_missing_value_is_missed_as_long_as_it_is_in_the_window():
    x, weights = walk(700), fixed_weights(0.9, 1e-3)
    x[300] = np.nan
    found = fixed(x, weights)
    assert np.flatnonzero(np.isnan(found)).tolist() == [*range(11), *range(300, 312)]


@settings(max_examples=20)
@given(st.floats(0.1, 0.9), st.floats(-5.0, 5.0), st.floats(0.1, 10.0))
def test_it_is_linear(d, shift, scale):
    x, weights = walk(400), fixed_weights(d, 1e-3)
    expected = scale * fixed(x, weights) + shift * weights.sum()
    np.testing.assert_allclose(fixed(scale * x + shift, weights), expected, rtol=0, atol=1e-10)


def test_an_expanding_window_is_the_whole_convolution():
    x = walk(1_300)
    expected = np.convolve(x, expanding_weights(0.4, x.size))[: x.size]
    np.testing.assert_allclose(expanding_window(x, 0.4), expected, rtol=0, atol=1e-12)
    assert expanding_window(x[:0], 0.4).size == 0
    assert expanding_window(x[:700], 0.4).tobytes() == expanding_window(x, 0.4)[:700].tobytes()
    x[600] = np.nan
    assert np.flatnonzero(np.isnan(expanding_window(x, 0.4))).tolist() == list(range(600, 1_300))


def test_the_first_expanding_rows_miss_more_weight_than_is_allowed():
    for d, n, loss in [(0.4, 500, 0.01), (0.4, 500, 0.2), (0.9, 300, 0.05)]:
        missed = np.cumsum(np.abs(expanding_weights(d, n)[::-1]))
        # snippet 5.2 counts the whole weight, which no row misses, as well: one row more
        assert expanding_skip(d, n, loss) == (missed / missed[-1] > loss).sum() - 1
    assert expanding_skip(0.4, 0, 0.1) == 0


def test_the_feature_uses_the_weights_of_its_width():
    assert bank.params == tuple(fixed_weights(0.4, 1e-3).tolist())
    x = walk(300)
    found = bank.fold(np.exp(x)[None, :], bank.initial_state())[0]
    np.testing.assert_array_equal(found, fixed(np.log(np.exp(x)), np.array(bank.params)))
