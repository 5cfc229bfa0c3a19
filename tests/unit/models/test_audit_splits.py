import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit

from tsis.core.errors import DataError
from tsis.models.audit_splits import Leak, audit_splits


@settings(max_examples=150)
@given(st.data(), st.integers(2, 25), st.sampled_from(["both", "left"]))
def test_it_counts_what_overlaps_whatever_the_order(data, n, closed):
    t0 = np.array(data.draw(st.lists(st.integers(0, 30), min_size=n, max_size=n)))
    t1 = t0 + np.array(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)))
    rows = st.permutations(range(n))
    some = st.tuples(rows, st.integers(0, n), rows, st.integers(1, n)).map(lambda x: (x[0][: x[1]], x[2][: x[3]]))
    pairs = data.draw(st.lists(some, min_size=1, max_size=3))
    held = [set(range(a, b + (closed == "both"))) or {a} for a, b in zip(t0, t1, strict=True)]
    expected = {}
    for number, (train, test) in enumerate(pairs):
        leaking = [j for j in train if any(held[i] & held[j] for i in test)]
        if leaking:
            expected[number] = (len(leaking), len(train), min(leaking))
    leaks = audit_splits([(np.array(a, dtype=int), np.array(b)) for a, b in pairs], t0, t1, closed=closed)
    assert {leak.split: (leak.n_overlapping, leak.n_train, leak.train_row) for leak in leaks} == expected
    for leak in leaks:
        assert leak.test_row in pairs[leak.split][1]
        assert held[leak.train_row] & held[leak.test_row]


def test_the_leak_of_naive_k_fold_and_what_it_says():
    t0 = np.arange(100)
    leaks = audit_splits(KFold(4), t0, t0 + 3)
    assert leaks == (
        Leak(split=0, n_overlapping=3, n_train=75, train_row=25, test_row=24),
        Leak(split=1, n_overlapping=6, n_train=75, train_row=22, test_row=25),
        Leak(split=2, n_overlapping=6, n_train=75, train_row=47, test_row=50),
        Leak(split=3, n_overlapping=3, n_train=75, train_row=72, test_row=75),
    )
    assert str(leaks[0]) == ("split 0: 3 of 75 training labels overlap a test label (first: row 25 with test row 24)")
    assert audit_splits(KFold(4), t0, t0) == ()
    assert len(audit_splits(ShuffleSplit(5, random_state=0), t0, t0 + 3)) == 5


def test_a_row_on_both_sides_overlaps_itself():
    assert audit_splits([([0, 1], [1, 2])], [0, 1, 2], [0, 1, 2]) == (Leak(0, 1, 2, 1, 1),)
    assert audit_splits([([0, 1], [1, 2])], [0, 1, 2], [0, 1, 2], closed="left") == (Leak(0, 1, 2, 1, 1),)


def test_a_splitter_by_groups_is_given_them():
    t0 = np.repeat(np.arange(10), 2)
    leaks = audit_splits(GroupKFold(2), t0, t0 + 1, groups=np.tile(["a", "b"], 10))
    assert [(leak.n_overlapping, leak.n_train) for leak in leaks] == [(10, 10), (10, 10)]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([], "there is no split, so nothing is proved"),
        ([([0], [])], "split 0 tests nothing"),
        ([([0], [1]), ([0, 7], [1])], "1 train rows of split 1 are none of the 3 rows"),
        ([([-1], [1])], "1 train rows of split 0 are none"),
        ([([True, False, False], [1])], "the train rows of split 0 are bool"),
        ([([[0]], [1])], r"of shape \(1, 1\)"),
    ],
)
def test_what_is_no_split_is_refused(splits, message):
    with pytest.raises(DataError, match=message):
        audit_splits(splits, [0, 1, 2], [0, 1, 2])
