"""Uniqueness of samples, and samples drawn for it."""

from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.core.errors import DataError
from tsis.models.bootstrap import (
    draw_probabilities,
    label_windows,
    sample_uniqueness,
    sequential_sample,
    uniqueness,
)

START, END = [0, 2, 4], [2, 3, 5]  # the three labels of AFML 4.5.3


def test_uniqueness_of_the_book():
    np.testing.assert_allclose(uniqueness(START, END), [5 / 6, 3 / 4, 1.0], rtol=1e-15)
    assert uniqueness(START, END).mean() == pytest.approx(0.861111, abs=5e-7)
    # over the entries of the matrix: 6 of 7, the mean of snippet 4.4
    assert sample_uniqueness(START, END, [0, 1, 2]) == pytest.approx(0.857143, abs=5e-7)
    assert sample_uniqueness(START, END, [1, 1, 2]) == pytest.approx(2 / 3)


def test_probabilities_of_the_book():
    np.testing.assert_allclose(draw_probabilities(START, END), [1 / 3, 1 / 3, 1 / 3], rtol=1e-15)
    np.testing.assert_allclose(draw_probabilities(START, END, [1]), [5 / 14, 3 / 14, 6 / 14], rtol=1e-15)
    np.testing.assert_allclose(draw_probabilities(START, END, [1, 2]), [5 / 11, 3 / 11, 3 / 11], rtol=1e-15)


def test_expected_uniqueness_by_enumeration():
    samples = list(product(range(3), repeat=3))
    unique = np.array([sample_uniqueness(START, END, rows) for rows in samples])
    chance = [np.prod([draw_probabilities(START, END, rows[:k])[rows[k]] for k in range(3)]) for rows in samples]
    assert sum(chance) == pytest.approx(1.0, rel=1e-14)
    assert unique.mean() == pytest.approx(0.643519, abs=5e-7)
    assert unique @ chance == pytest.approx(0.705670, abs=5e-7)


def test_a_sequential_sample_is_more_unique():
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(0, 1_000, 300))
    end = start + rng.integers(1, 20, 300)
    sequential = np.mean([sample_uniqueness(start, end, sequential_sample(start, end, 300, s)) for s in range(20)])
    standard = np.mean([sample_uniqueness(start, end, rng.integers(0, 300, 300)) for _ in range(20)])
    assert sequential > 1.05 * standard


def test_equal_seeds_give_equal_rows():
    first = sequential_sample(START, END, 50, 3)
    np.testing.assert_array_equal(first, sequential_sample(START, END, 50, 3))
    assert (first != sequential_sample(START, END, 50, 4)).any()
    assert sequential_sample([], [], 0, 1).size == 0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), min_size=1, max_size=20), st.randoms())
def test_relabelling_relabels(spans, random):
    start = np.array([a for a, _ in spans])
    end = start + np.array([length for _, length in spans])
    order = np.array(random.sample(range(start.size), start.size))
    drawn = np.array([random.randrange(start.size) for _ in range(5)])
    place = np.argsort(order)
    one = draw_probabilities(start, end, drawn)
    other = draw_probabilities(start[order], end[order], place[drawn])
    np.testing.assert_allclose(other, one[order], rtol=1e-13)
    assert one.sum() == pytest.approx(1.0)
    assert (one > 0).all()
    np.testing.assert_allclose(uniqueness(start[order], end[order]), uniqueness(start, end)[order], rtol=1e-13)


def test_uniqueness_in_rational_numbers():
    start, end = np.array([3, 0, 3, 9, 5]), np.array([5, 20, 3, 9, 12])
    alive = [sum(a <= t <= b for a, b in zip(start, end, strict=True)) for t in range(21)]
    expected = [
        float(sum(Fraction(1, alive[t]) for t in range(a, b + 1)) / int(b - a + 1))
        for a, b in zip(start, end, strict=True)
    ]
    np.testing.assert_allclose(uniqueness(start, end), expected, rtol=1e-15)


@pytest.mark.parametrize("kind", [list, np.array, pl.Series, pd.Series])
def test_any_column_of_positions_will_do(kind):
    assert uniqueness(kind(START), kind(END)).tolist() == uniqueness(START, END).tolist()


def test_labels_of_no_overlap_are_unique_to_the_bit():
    start = np.arange(0, 300_000, 3)
    assert (uniqueness(start, start + 2) == 1.0).all()


def test_nothing_in_nothing_out():
    assert uniqueness([], []).size == 0
    assert np.isnan(sample_uniqueness(START, END, []))
    assert uniqueness([5], [5]).tolist() == [1.0]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ([0, 4], [2, 3], r"1 of 2 end before they start \(first: row 1, start=4, end=3\)"),
        ([0, 4], [2], "must be one-dimensional and as long"),
        ([0.0, np.nan], [2, 3], "start is float64, not integer"),
        ([0, 1], [2.0, np.nan], "end is float64, not integer"),
        ([0], [10**13], "these look like times"),
    ],
)
def test_windows_that_are_none_are_refused(start, end, message):
    with pytest.raises(DataError, match=message):
        label_windows(start, end)
    with pytest.raises(DataError, match=message):
        sequential_sample(start, end, 1, 0)


def test_rows_that_are_none_are_refused():
    for rows in ([3], [-1], [0.5], [[0]]):
        with pytest.raises(DataError, match="numbers of the 3 labels"):
            sample_uniqueness(START, END, rows)
    with pytest.raises(DataError, match="can't draw 5 rows from 0 labels"):
        sequential_sample([], [], 5, 0)
    with pytest.raises(DataError, match="no labels to draw from"):
        draw_probabilities([], [])
