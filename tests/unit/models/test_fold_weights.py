"""Time decay, class balance and normalisation of one fold's training rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from tsis.core.errors import DataError
from tsis.models.fold_weights import FoldWeightsParams, class_balance, fold_weights, normalised, time_decay

WEIGHTS = arrays(np.float64, st.integers(1, 40), elements=st.floats(1e-6, 1e3))
UNIQUE = arrays(np.float64, st.integers(1, 40), elements=st.floats(0.01, 1.0))


def by_the_book(unique, c):
    """Snippet 4.11 in its own words."""
    x = np.cumsum(unique)
    slope = (1.0 - c) / x[-1] if c >= 0 else 1.0 / ((c + 1.0) * x[-1])
    decayed = 1.0 - slope * x[-1] + slope * x
    return np.where(decayed < 0, 0.0, decayed)


@given(UNIQUE, st.floats(-0.999, 1.0))
def test_decay_is_that_of_the_book(unique, c):
    found = time_decay(unique, c)
    np.testing.assert_allclose(found, by_the_book(unique, c), rtol=1e-9, atol=1e-9)
    assert found[-1] == 1.0
    assert (np.diff(found) >= 0).all()
    assert (found >= max(c, 0.0) - 1e-15).all()


@given(UNIQUE, st.floats(-0.999, 1.0), st.floats(0.01, 100.0))
def test_decay_counts_by_shares(unique, c, scale):
    np.testing.assert_allclose(time_decay(unique * scale, c), time_decay(unique, c), rtol=1e-9, atol=1e-9)


def test_decay_in_figures():
    unique = np.ones(4)
    assert time_decay(unique, 1.0).tolist() == [1.0] * 4
    assert time_decay(unique, 0.5).tolist() == [0.625, 0.75, 0.875, 1.0]
    assert time_decay(unique, 0.0).tolist() == [0.25, 0.5, 0.75, 1.0]
    # the oldest half is forgotten
    assert time_decay(unique, -0.5).tolist() == [0.0, 0.0, 0.5, 1.0]
    assert time_decay(np.array([0.3]), -0.9).tolist() == [1.0]


@given(WEIGHTS)
def test_normalised_sums_to_the_number_of_rows(weight):
    found = normalised(weight)
    assert found.sum() == pytest.approx(weight.size, rel=1e-12)
    assert (found > 0).all()
    np.testing.assert_allclose(found / found[0], weight / weight[0], rtol=1e-12)


@given(WEIGHTS, st.integers(1, 4), st.randoms())
def test_balanced_classes_weigh_the_same(weight, n_classes, random):
    label = np.array([random.randrange(n_classes) for _ in weight])
    found = class_balance(label, weight)
    totals = [found[label == k].sum() for k in np.unique(label)]
    np.testing.assert_allclose(totals, weight.sum() / len(totals), rtol=1e-9)
    for k in np.unique(label):
        inside = label == k
        np.testing.assert_allclose(found[inside] / found[inside][0], weight[inside] / weight[inside][0], rtol=1e-9)


def test_balance_of_equal_weights_is_that_of_scikit_learn():
    from sklearn.utils.class_weight import compute_sample_weight

    label = np.array([0, 1, 1, 1, 0, 1, 1])
    np.testing.assert_allclose(class_balance(label, np.ones(7)), compute_sample_weight("balanced", label), rtol=1e-15)


def test_the_stored_weights_stay_unless_asked():
    weight, unique, label = np.array([0.2, 0.4, 1.0]), np.array([0.5, 0.5, 1.0]), np.array([0.0, 1.0, 1.0])
    assert fold_weights(weight, unique, label) is weight
    decayed = fold_weights(weight, unique, label, FoldWeightsParams(oldest_frac=0.0))
    np.testing.assert_allclose(decayed, [0.2 * 0.25, 0.4 * 0.5, 1.0])
    both = fold_weights(weight, unique, label, FoldWeightsParams(oldest_frac=0.0, is_balanced=True))
    assert both[0] == pytest.approx(both[1:].sum())
    assert weight.tolist() == [0.2, 0.4, 1.0]


def test_nothing_in_nothing_out():
    none = np.empty(0)
    for found in (normalised(none), time_decay(none, 0.5), class_balance(none, none), fold_weights(none, none, none)):
        assert found.size == 0


def test_weights_that_are_none_are_refused():
    one = np.array([1.0, 1.0])
    for bad in (np.nan, -1.0, np.inf):
        weight = np.array([1.0, bad])
        with pytest.raises(DataError, match=r"1 of 2 values of weight are not finite and not negative \(first: row 1"):
            normalised(weight)
        with pytest.raises(DataError, match="values of weight"):
            class_balance(one, weight)
    for bad in (np.nan, -1.0, 0.0):
        with pytest.raises(DataError, match="1 of 2 values of average_uniqueness are not finite and positive"):
            time_decay(np.array([bad, 1.0]), 0.5)
    for c in (-1.0, 1.5, np.nan):
        with pytest.raises(DataError, match=r"not in \(-1, 1\]"):
            time_decay(one, c)
    with pytest.raises(ValidationError):
        FoldWeightsParams(oldest_frac=-1.0)
    with pytest.raises(DataError, match="all 2 weights are zero"):
        normalised(np.zeros(2))
    with pytest.raises(DataError, match="rows of class 0 weigh nothing"):
        class_balance(np.array([0, 1]), np.array([0.0, 1.0]))
    with pytest.raises(DataError, match="2 labels and 1 weights"):
        class_balance(np.array([0, 1]), np.array([1.0]))
