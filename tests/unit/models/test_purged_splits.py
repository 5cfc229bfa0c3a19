import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.core.errors import DataError
from tsis.models.purged_k_fold import purged_k_fold
from tsis.models.walk_forward import OPEN, purged_walk_forward


@st.composite
def windows(draw):
    """Labels with ties in t0, of very different lengths."""
    n = draw(st.integers(4, 60))
    gaps = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    lengths = draw(st.lists(st.sampled_from([0, 1, 2, 5, 40]), min_size=n, max_size=n))
    t0 = np.cumsum(np.array(gaps, dtype=np.int64))
    return t0, t0 + np.array(lengths, dtype=np.int64)


def overlaps(t0, t1, a, b):
    return t0[a] <= t1[b] and t0[b] <= t1[a]


@settings(max_examples=150, deadline=None)
@given(windows(), st.integers(2, 4), st.sampled_from([0.0, 0.01, 0.1]))
def test_k_fold_leaves_no_overlap_and_purges_no_more_than_its_rule(data, n_folds, embargo_frac):
    t0, t1 = data
    n = t0.size
    embargo = int(np.ceil(n * embargo_frac))
    tested = []
    for train, test in purged_k_fold(t0, t1, n_folds, embargo_frac):
        assert not any(overlaps(t0, t1, a, b) for a in train for b in test)
        first, last_t1 = t0[test[0]], max(t1[test])
        late = [j for j in range(n) if t0[j] > last_t1 and j > test[-1]][embargo:]
        early = [j for j in range(test[0]) if t1[j] < first]
        assert train.tolist() == early + late
        tested += test.tolist()
    assert tested == list(range(n))


@settings(max_examples=150, deadline=None)
@given(windows(), st.integers(1, 10), st.integers(1, 7))
def test_walk_forward_trains_on_exactly_what_was_known(data, min_train, refit_every):
    t0, t1 = data
    tested = []
    for train, test in purged_walk_forward(t0, t1, min_train, refit_every):
        assert train.tolist() == [j for j in range(t0.size) if t1[j] < t0[test[0]]]
        assert train.size >= min_train
        assert test.size <= refit_every
        tested += test.tolist()
    assert tested == list(range(t0.size - len(tested), t0.size))
    if len(tested) < t0.size:
        before = t0[t0.size - len(tested) - 1]
        assert np.count_nonzero(t1 < before) < min_train


@settings(max_examples=150, deadline=None)
@given(windows(), st.integers(1, 10), st.integers(1, 7), st.integers(0, 60))
def test_what_comes_after_a_moment_moves_nothing_before_it(data, min_train, refit_every, position):
    t0, t1 = data
    moment = t0[min(position, t0.size - 1)]
    known = t0 <= moment
    open_t1 = np.where(t1[known] <= moment, t1[known], OPEN)
    whole = [(a.tolist(), b.tolist()) for a, b in purged_walk_forward(t0, t1, min_train, refit_every)]
    ended = [(a.tolist(), b.tolist()) for a, b in purged_walk_forward(t0[known], open_t1, min_train, refit_every)]
    n_known = int(np.count_nonzero(known))
    assert ended == [(train, [j for j in test if j < n_known]) for train, test in whole if test[0] < n_known]


def test_an_open_window_is_tested_and_never_trained_on():
    t0 = np.arange(6)
    blocks = list(purged_walk_forward(t0, np.array([0, OPEN, 2, OPEN, 4, OPEN]), 1, 2))
    assert [(train.tolist(), test.tolist()) for train, test in blocks] == [
        ([0], [1, 2]),
        ([0, 2], [3, 4]),
        ([0, 2, 4], [5]),
    ]


def test_embargo_is_a_share_of_the_rows():
    t0 = np.arange(100)
    (_, _), (train, test), *_ = purged_k_fold(t0, t0, 4, 0.1)
    assert test.tolist() == list(range(25, 50))
    assert train.tolist() == list(range(25)) + list(range(60, 100))


@pytest.mark.parametrize(("t0", "t1"), [([3, 1, 2], [4, 4, 4]), ([1, 2, 3], [1, 1, 3])])
def test_disordered_windows_are_refused(t0, t1):
    for split in (
        purged_k_fold(np.array(t0), np.array(t1), 2, 0.0),
        purged_walk_forward(np.array(t0), np.array(t1), 1, 1),
    ):
        with pytest.raises(DataError, match=r"1 of 3 rows start|1 end before"):
            list(split)


def test_more_folds_than_rows_are_refused():
    with pytest.raises(DataError, match="2 rows can't make 3 folds"):
        list(purged_k_fold(np.arange(2), np.arange(2), 3, 0.0))
