"""Rolling sums, extremes and moments: each window is what it is by itself, whatever came before it."""

from __future__ import annotations

from itertools import pairwise
from math import fsum

import numpy as np
import pytest

from tsis.kernels.rolling_windows import (
    ROLLING_HEAD,
    ROLLING_MOMENTS_HEAD,
    rolling_extremes,
    rolling_moments,
    rolling_sum,
)

PERIODS = [1, 2, 3, 20, 61]


def rolling_max(values, n, state, at, out):
    rolling_extremes(values, 1.0, n, state, at, out)


def rolling_min(values, n, state, at, out):
    rolling_extremes(values, -1.0, n, state, at, out)


LIKE = {rolling_sum: np.sum, rolling_max: np.max, rolling_min: np.min}


def spoilt(n=900, seed=1):
    x = 100.0 + np.random.default_rng(seed).normal(0.0, 1.0, n)
    x[[200, 201, 450]] = np.nan
    x[600] = 1e9
    x[700] = -1e9
    x[750:800] = x[750]
    return x


def rolled(function, x, n, pieces=(), at=0):
    state, out = np.zeros(at + ROLLING_HEAD + n), np.empty(x.size)
    for begin, end in pairwise([0, *pieces, x.size]):
        state = np.frombuffer(state.tobytes()).copy()
        function(x[begin:end], n, state, at, out[begin:end])
    return out, state


def moments(x, n, pieces=()):
    state, out = np.zeros(ROLLING_MOMENTS_HEAD + 2 * n), np.empty((2, x.size))
    for begin, end in pairwise([0, *pieces, x.size]):
        state = np.frombuffer(state.tobytes()).copy()
        rolling_moments(x[begin:end], n, state, 0, out[0, begin:end], out[1, begin:end])
    return out, state


@pytest.mark.parametrize("n", PERIODS)
@pytest.mark.parametrize("function", [rolling_max, rolling_min], ids=lambda function: function.__name__)
def test_extremes_are_those_of_the_window_by_itself(function, n):
    x = spoilt()
    expected = np.full(x.size, np.nan)
    expected[n - 1 :] = LIKE[function](np.lib.stride_tricks.sliding_window_view(x, n), axis=1)
    np.testing.assert_array_equal(rolled(function, x, n)[0], expected)
    np.testing.assert_array_equal(rolled(function, x, n, at=5)[0], expected)


@pytest.mark.parametrize("n", PERIODS)
def test_sums_and_moments_are_those_of_the_window_by_itself(n):
    x = spoilt()
    sums, (found, squares) = rolled(rolling_sum, x, n)[0], moments(x, n)[0]
    for i in range(n - 1, x.size):
        window = x[i - n + 1 : i + 1].tolist()
        if np.isnan(window).any():
            assert np.isnan([sums[i], found[i], squares[i]]).all()
            continue
        total = fsum(window)
        spread = fsum((value - total / n) ** 2 for value in window)
        assert sums[i] == pytest.approx(total, rel=1e-14, abs=1e-14 * max(map(abs, window)))
        assert found[i] == pytest.approx(total / n, rel=1e-14, abs=1e-15 * max(map(abs, window)))
        assert squares[i] == pytest.approx(spread, rel=1e-12)
    for figure in (sums, found, squares):
        assert np.isnan(figure[: n - 1]).all()


@pytest.mark.parametrize("level", [0.0, 1e2, 1e8])
def test_moments_do_not_cancel(level):
    """A spread of one part in 10^8 of the level is as exact as the values are."""
    x = level + np.random.default_rng(2).normal(0.0, 1.0, 2_000)
    squares = moments(x, 50)[0][1]
    for i in range(49, 2_000, 7):
        window = (x[i - 49 : i + 1] - level).tolist()
        mean = fsum(window) / 50
        assert squares[i] == pytest.approx(fsum((value - mean) ** 2 for value in window), rel=1e-13)


def test_equal_values_have_no_spread():
    for n in PERIODS:
        found, squares = moments(np.full(200, 0.1), n)[0]
        assert (squares[n - 1 :] == 0.0).all()
        assert (found[n - 1 :] == 0.1).all()


@pytest.mark.parametrize("n", PERIODS)
def test_pieces_give_the_bits_of_the_whole(n):
    x = spoilt()
    for pieces in ((3, 3, 40, 199, 202, 640), tuple(range(1, x.size))):
        for function in LIKE:
            for one, two in zip(rolled(function, x, n), rolled(function, x, n, pieces), strict=True):
                assert one.tobytes() == two.tobytes()
        for one, two in zip(moments(x, n), moments(x, n, pieces), strict=True):
            assert one.tobytes() == two.tobytes()
