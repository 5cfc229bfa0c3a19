"""The sequential bootstrap draws what the book's snippet draws, for the same uniforms."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.kernels.concurrency import LABEL_WEIGHTS, concurrency, label_weights
from tsis.kernels.sequential_bootstrap import DRAWS, segments, sequential_bootstrap

START, END = np.array([0, 2, 4]), np.array([2, 3, 5])  # the three labels of AFML 4.5.3


def drawn_by_the_book(start, end, uniform):
    """Snippet 4.5 in plain numpy: the uniqueness of each candidate beside the drawn, and numpy's inverse CDF."""
    indicator = np.zeros((start.size, end.max() + 1))
    for k in range(start.size):
        indicator[k, start[k] : end[k] + 1] = 1.0
    indicator = indicator[:, indicator.any(axis=0)]
    length, drawn, phi = indicator.sum(axis=1), np.zeros(indicator.shape[1]), []
    for u in uniform:
        weight = (indicator / (1.0 + drawn)).sum(axis=1) / length
        cdf = np.cumsum(weight / np.sum(weight))
        phi.append(int(np.searchsorted(cdf / cdf[-1], u, side="right")))
        drawn += indicator[phi[-1]]
    return phi


def drawn_exactly(start, end, uniform):
    """The same in rational numbers."""
    count, phi = {}, []
    for u in uniform:
        weight = [
            sum(Fraction(1, 1 + count.get(t, 0)) for t in range(a, b + 1)) / (b - a + 1)
            for a, b in zip(start, end, strict=True)
        ]
        mass, cumulative, k = Fraction(u) * sum(weight), Fraction(0), -1
        while cumulative <= mass:
            k += 1
            cumulative += weight[k]
        phi.append(k)
        for t in range(start[k], end[k] + 1):
            count[t] = count.get(t, 0) + 1
    return phi


@st.composite
def windows(draw, most=25):
    n = draw(st.integers(1, most))
    start = draw(st.lists(st.integers(0, draw(st.integers(0, 60))), min_size=n, max_size=n))
    length = draw(st.lists(st.integers(1, draw(st.sampled_from([1, 4, 50]))), min_size=n, max_size=n))
    return np.array(start), np.array(start) + np.array(length) - 1


UNIFORM = st.one_of(st.integers(0, 2**53 - 1).map(lambda m: m / 2**53), st.sampled_from([0.0, 0.25, 0.5, 1 - 2**-53]))


def boundaries(first_draws, probabilities):
    """The row drawn just below and just above each boundary between the rows, after `first_draws`."""
    uniform_of = {0: 0.0, 1: 0.5, 2: 0.99}
    earlier = [uniform_of[k] for k in first_draws]
    found = []
    for edge in np.cumsum(probabilities)[:-1]:
        for u in (float(edge) - 1e-15, float(edge) + 1e-15):
            found.append(int(sequential_bootstrap(START, END, np.array([*earlier, u]))[-1]))
    return found


def test_probabilities_of_the_book():
    # "drawing label 2" of the book is row 1
    assert sequential_bootstrap(START, END, np.array([0.5])).tolist() == [1]
    assert boundaries([1], [Fraction(5, 14), Fraction(3, 14), Fraction(6, 14)]) == [0, 1, 1, 2]
    assert sequential_bootstrap(START, END, np.array([0.5, 0.99])).tolist() == [1, 2]
    assert boundaries([1, 2], [Fraction(5, 11), Fraction(3, 11), Fraction(3, 11)]) == [0, 1, 1, 2]


def test_frequencies_of_the_book():
    uniform = np.random.default_rng(1).random((20_000, 3))
    samples = np.array([sequential_bootstrap(START, END, row) for row in uniform])
    after_second = samples[samples[:, 0] == 1][:, 1]
    shares = np.bincount(after_second, minlength=3) / after_second.size
    np.testing.assert_allclose(shares, [5 / 14, 3 / 14, 6 / 14], atol=0.015)  # four standard errors are 0.024


@settings(max_examples=150)
@given(windows(), st.lists(UNIFORM, min_size=1, max_size=40))
def test_draws_are_those_of_exact_arithmetic(labels, uniform):
    assert sequential_bootstrap(*labels, np.array(uniform)).tolist() == drawn_exactly(*labels, uniform)


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize(("n", "n_bars", "longest"), [(150, 800, 30), (100, 100, 120), (200, 50_000, 3)])
def test_many_draws_are_those_of_the_snippet(n, n_bars, longest, is_sorted):
    rng = np.random.default_rng(n)
    start = rng.integers(0, n_bars, n)
    start = np.sort(start) if is_sorted else start
    end = start + rng.integers(0, longest, n)
    uniform = rng.random(3 * n)
    assert sequential_bootstrap(start, end, uniform).tolist() == drawn_by_the_book(start, end, uniform)


def test_nothing_drifts():
    """After 300,000 draws the weights are still those of a count from scratch."""
    rng = np.random.default_rng(3)
    start = np.sort(rng.integers(0, 400, 60))
    end = start + rng.integers(0, 30, 60)
    uniform = rng.random(300_000)
    draws = sequential_bootstrap(start, end, uniform)
    for m in (100_000, 299_999):
        alive = concurrency(start[draws[:m]], end[draws[:m]], int(end.max()) + 1)
        weight = [np.mean(1.0 / (1.0 + alive[a : b + 1])) for a, b in zip(start, end, strict=True)]
        cdf = np.cumsum(weight) / np.sum(weight)
        assert draws[m] == np.searchsorted(cdf, uniform[m], side="right")


def test_a_long_old_window_is_found():
    """One window over all others: it overlaps with each, however far back it begins."""
    start = np.concatenate(([0], np.arange(0, 600, 2)))
    end = np.concatenate(([700], np.arange(0, 600, 2)))
    uniform = np.random.default_rng(4).random(500)
    assert sequential_bootstrap(start, end, uniform).tolist() == drawn_by_the_book(start, end, uniform)


@settings(max_examples=50)
@given(windows(), st.lists(UNIFORM, min_size=1, max_size=30), st.integers(-(10**12), 10**12), st.integers(1, 7))
def test_only_overlaps_matter(labels, uniform, shift, stretch):
    """Neither where the bars are nor how fine they are changes a draw."""
    start, end = labels
    expected = sequential_bootstrap(start, end, np.array(uniform))
    moved = sequential_bootstrap(start * stretch + shift, (end + 1) * stretch - 1 + shift, np.array(uniform))
    np.testing.assert_array_equal(moved, expected)


@given(windows(), st.lists(UNIFORM, min_size=1, max_size=30))
def test_draws_are_rows_and_inputs_stay(labels, uniform):
    start, end, u = labels[0].copy(), labels[1].copy(), np.array(uniform)
    draws = sequential_bootstrap(start, end, u)
    assert draws.size == u.size
    assert 0 <= draws.min() <= draws.max() < start.size
    np.testing.assert_array_equal(start, labels[0])
    np.testing.assert_array_equal(end, labels[1])
    np.testing.assert_array_equal(u, uniform)


def test_nothing_to_draw():
    none = np.empty(0, dtype=np.int64)
    assert sequential_bootstrap(none, none, np.array([0.5])).size == 0
    assert sequential_bootstrap(START, END, np.empty(0)).size == 0
    assert sequential_bootstrap(np.array([7]), np.array([9]), np.array([0.0, 0.3, 0.99])).tolist() == [0, 0, 0]


@given(windows())
def test_segments_hold_the_windows(labels):
    start, end = labels
    first, last, width, order, n_begun = segments(start, end)
    edges = int(start.min()) + np.concatenate(([0], np.cumsum(width)))
    np.testing.assert_array_equal(edges[first], start)
    np.testing.assert_array_equal(edges[last + 1], end + 1)
    np.testing.assert_array_equal(order, np.argsort(start, kind="stable"))
    np.testing.assert_array_equal(n_begun, [np.count_nonzero(first <= s) for s in range(width.size)])


@pytest.mark.parametrize(("batch", "stream"), [(DRAWS, "price"), (LABEL_WEIGHTS, "log_return")])
def test_rows_known_in_a_prefix_are_the_first_rows_of_the_whole(batch, stream):
    assert batch.inputs == (stream,)
    values = np.random.default_rng(5).normal(0.0, 0.01, 200)
    whole, known = batch.run((values,))
    assert whole.shape[0] == known.size > 60
    for n in (0, 1, 63, 64, 150):
        rows, _ = batch.run((values[:n],))
        assert rows.tobytes() == whole[known < n].tobytes()


@given(windows())
def test_weights_are_those_of_the_formula(labels):
    start, end = labels
    alive = concurrency(start, end, int(end.max()) + 1)
    held = (np.arange(end.max() + 1)[:, None] >= start) & (np.arange(end.max() + 1)[:, None] <= end)
    np.testing.assert_array_equal(alive, held.sum(axis=1))
    log_return = np.sin(np.arange(alive.size, dtype=float))
    log_return[0] = np.nan
    found = label_weights(start, end, alive, log_return)
    for k in range(start.size):
        inside = alive[start[k] : end[k] + 1]
        assert found[k, 0] == pytest.approx(inside.mean())
        assert found[k, 1] == pytest.approx((1.0 / inside).mean())
        assert found[k, 2] == pytest.approx(abs(np.nansum(log_return[start[k] : end[k] + 1] / inside)))
    assert ((found[:, 1] > 0) & (found[:, 1] <= 1)).all()
    # the labels alive over all bars are what their windows hold
    assert alive.sum() == (end - start + 1).sum()
    # and what each bar is divided into adds up to one
    assert (found[:, 1] * (end - start + 1)).sum() == pytest.approx(np.count_nonzero(alive))
