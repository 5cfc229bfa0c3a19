"""The splitters against their definition, moment by moment, and in scikit-learn's hands."""

from datetime import timedelta
from math import comb

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score

from tsis.core.errors import DataError, ParamsError
from tsis.models.audit_splits import audit_splits
from tsis.models.combinatorial_purged_cv import CombinatorialPurgedCV
from tsis.models.embargo import NO_EMBARGO, Embargo
from tsis.models.group_purged_k_fold import GroupPurgedKFold
from tsis.models.purged_blocks import PurgedBlocks
from tsis.models.purged_k_fold import PurgedKFold
from tsis.models.walk_forward import OPEN, WalkForward, purged_walk_forward
from tsis.models.windows import Windows

CLOSED = st.sampled_from(["both", "left"])


@st.composite
def windows(draw):
    """Labels with ties in t0, of very different lengths, empty ones among them."""
    n = draw(st.integers(8, 40))
    gaps = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    lengths = draw(st.lists(st.sampled_from([0, 1, 1, 2, 5, 30]), min_size=n, max_size=n))
    t0 = np.cumsum(np.array(gaps, dtype=np.int64))
    return t0, t0 + np.array(lengths, dtype=np.int64)


EMBARGOES = st.one_of(
    st.just(NO_EMBARGO),
    st.builds(Embargo, rows=st.integers(0, 6), after=st.sampled_from(["label", "row"])),
    st.builds(Embargo, frac=st.floats(0, 0.2), after=st.sampled_from(["label", "row"])),
    st.builds(Embargo, time=st.integers(0, 6).map(lambda us: timedelta(microseconds=us))),
)


def moments(t0, t1, closed):
    """The microseconds of each window; one that holds none is the moment at which it begins."""
    return [set(range(a, b + (closed == "both"))) or {a} for a, b in zip(t0.tolist(), t1.tolist(), strict=True)]


def may_train(t0, t1, closed, embargo, test):
    """The rows that the definitions of purging and embargo leave."""
    held, n = moments(t0, t1, closed), t0.size
    left_out = set(test)
    n_rows = embargo.rows if embargo.rows is not None else int(n * (embargo.frac or 0.0))
    for i in test:
        left_out |= {j for j in range(n) if held[i] & held[j]}
        if embargo.time:
            span = embargo.time // timedelta(microseconds=1)
            left_out |= {j for j in range(i + 1, n) if t0[j] <= t1[i] + span}
        elif embargo.after == "row":
            left_out |= set(range(i + 1, i + 1 + n_rows))
        else:
            left_out |= set([j for j in range(n) if t0[j] > max(held[i])][:n_rows])
    return [j for j in range(n) if j not in left_out]


def splits_of(splitter, **given):
    """The splits, or None where purging leaves one of them nothing to train on, which is refused."""
    passes = splitter.split(**given)
    try:
        return [(train.tolist(), test.tolist()) for train, test in passes]
    except DataError:
        return None


@settings(max_examples=80)
@given(windows(), st.integers(2, 5), EMBARGOES, CLOSED)
def test_k_fold_trains_on_all_that_the_definition_leaves(data, n_splits, embargo, closed):
    t0, t1 = data
    splits = splits_of(PurgedKFold(n_splits, t0, t1, embargo=embargo, closed=closed))
    tested = [test.tolist() for _, test in KFold(n_splits).split(t0)]
    expected = [(may_train(t0, t1, closed, embargo, test), test) for test in tested]
    assert splits == (expected if all(train for train, _ in expected) else None)


@settings(max_examples=60)
@given(windows(), st.sampled_from([(3, 1), (4, 2), (5, 2), (5, 4), (6, 3)]), EMBARGOES, CLOSED)
def test_combinatorial_trains_on_all_that_the_definition_leaves(data, sizes, embargo, closed):
    t0, t1 = data
    splitter = CombinatorialPurgedCV(*sizes, t0, t1, embargo=embargo, closed=closed)
    blocks = [test.tolist() for _, test in KFold(sizes[0]).split(t0)]
    tested = [[row for group in groups for row in blocks[group]] for groups in splitter.test_groups()]
    expected = [(may_train(t0, t1, closed, embargo, test), test) for test in tested]
    assert len(expected) == splitter.get_n_splits() == comb(*sizes)
    assert splits_of(splitter) == (expected if all(train for train, _ in expected) else None)


@settings(max_examples=60)
@given(windows(), st.integers(2, 4), EMBARGOES, CLOSED, st.randoms(use_true_random=False))
def test_group_k_fold_trains_on_all_that_the_definition_leaves(data, n_splits, embargo, closed, random):
    t0, t1 = data
    groups = [random.choice("abcd") for _ in range(t0.size - 4)] + list("abcd")
    parts = np.array_split(list(dict.fromkeys(groups)), n_splits)
    tested = [[i for i, group in enumerate(groups) if group in part] for part in parts]
    expected = [(may_train(t0, t1, closed, embargo, test), test) for test in tested]
    splits = splits_of(GroupPurgedKFold(n_splits, t0, t1, groups, embargo=embargo, closed=closed))
    assert splits == (expected if all(train for train, _ in expected) else None)


@settings(max_examples=60)
@given(windows(), st.integers(1, 6), st.integers(1, 5), st.one_of(st.none(), st.integers(1, 9)), CLOSED)
def test_walk_forward_trains_on_what_had_ended(data, n_splits, test_size, max_train, closed):
    t0, t1 = data
    begin = t0.size - n_splits * test_size
    if begin <= 0:
        with pytest.raises(DataError, match=f"{t0.size} rows can't make {n_splits} blocks of {test_size}"):
            WalkForward(t0, t1, n_splits=n_splits, test_size=test_size)
        return
    held = moments(t0, t1, closed)
    tests = [list(range(a, a + test_size)) for a in range(begin, t0.size, test_size)]
    ended = [[j for j in range(test[0]) if max(held[j]) < t0[test[0]]] for test in tests]
    expected = [
        (rows if max_train is None else rows[-max_train:], test) for rows, test in zip(ended, tests, strict=True)
    ]
    splitter = WalkForward(t0, t1, n_splits=n_splits, test_size=test_size, max_train=max_train, closed=closed)
    assert splitter.get_n_splits() == n_splits
    assert splits_of(splitter) == (expected if all(train for train, _ in expected) else None)


@settings(max_examples=60)
@given(windows(), st.integers(1, 10), st.integers(1, 7))
def test_walk_forward_from_the_first_labels_is_the_pure_function(data, min_train, test_size):
    t0, t1 = data
    expected = [(train.tolist(), test.tolist()) for train, test in purged_walk_forward(t0, t1, min_train, test_size)]
    if not expected:
        with pytest.raises(DataError, match=f"a block after {min_train} ended labels"):
            WalkForward(t0, t1, min_train=min_train, test_size=test_size)
        return
    splitter = WalkForward(t0, t1, min_train=min_train, test_size=test_size)
    assert splits_of(splitter) == expected
    assert splitter.get_n_splits() == len(expected)


def test_moments_that_do_not_overlap_make_the_splits_of_scikit_learn():
    t0 = np.arange(23)
    for ours, theirs in (
        (PurgedKFold(5, t0, t0), KFold(5)),
        (WalkForward(t0, t0, n_splits=4, test_size=3), TimeSeriesSplit(4, test_size=3)),
        (WalkForward(t0, t0, n_splits=4, test_size=3, max_train=6), TimeSeriesSplit(4, test_size=3, max_train_size=6)),
    ):
        expected = [(a.tolist(), b.tolist()) for a, b in theirs.split(t0)]
        assert [(a.tolist(), b.tolist()) for a, b in ours.split(t0)] == expected


def test_a_label_that_spans_a_test_block_lets_none_of_its_rows_back_in():
    t0 = np.arange(40)
    t1 = t0.copy()
    t1[2] = 35  # begins before the test rows 10 to 19 and ends within the test rows 30 to 39
    blocks = PurgedBlocks(Windows.of(t0, t1), np.arange(0, 41, 10), Embargo(rows=3))
    assert blocks.test([1, 3]).tolist() == [*range(10, 20), *range(30, 40)]
    assert blocks.train([1, 3]).tolist() == [0, 1, *range(3, 10), *range(23, 30)]


def test_six_groups_of_which_two_are_tested_make_15_splits_and_5_paths():
    t0 = np.arange(20)
    cv = CombinatorialPurgedCV(6, 2, t0, t0)
    assert cv.get_n_splits() == 15
    assert cv.n_paths == 5
    # AFML figure 12.2, splits counted from 0
    assert cv.path_splits().tolist() == [
        [0, 0, 1, 2, 3, 4],
        [1, 5, 5, 6, 7, 8],
        [2, 6, 9, 9, 10, 11],
        [3, 7, 10, 12, 12, 13],
        [4, 8, 11, 13, 14, 14],
    ]


@given(st.integers(6, 30), st.sampled_from([(2, 1), (4, 2), (5, 3), (6, 2)]))
@settings(max_examples=30)
def test_a_path_holds_every_row_once_and_every_prediction_is_in_one_path(n, sizes):
    t0 = np.arange(n)
    cv = CombinatorialPurgedCV(*sizes, t0, t0)
    # a prediction that says by which split it was made, and for which row
    predictions = [1000 * number + test for number, (_, test) in enumerate(cv.split())]
    paths = cv.paths(predictions)
    assert paths.shape == (cv.n_paths, n)
    assert (paths % 1000 == t0).all()
    assert sorted(paths.ravel().tolist()) == sorted(np.concatenate(predictions).tolist())
    edges = [test[0] for _, test in KFold(sizes[0]).split(t0)]
    assert (paths[:, edges] // 1000).tolist() == cv.path_splits().tolist()


def test_predictions_that_do_not_fit_the_splits_are_refused():
    cv = CombinatorialPurgedCV(4, 2, np.arange(8), np.arange(8))
    with pytest.raises(DataError, match="5 sets of predictions for 6 splits"):
        cv.paths([np.zeros(4)] * 5)
    with pytest.raises(DataError, match=r"split 5 has predictions of shape \(3,\); needs one value for each of its 4"):
        cv.paths([np.zeros(4)] * 5 + [np.zeros(3)])


def test_scikit_learn_takes_them():
    rng = np.random.default_rng(3)
    n = 120
    t0 = np.arange(n)
    X, groups = rng.normal(size=(n, 2)), t0 // 6
    y = (X[:, 0] + rng.normal(size=n) > 0).astype(int)
    for cv, n_splits in (
        (PurgedKFold(4, t0, t0 + 3, embargo=Embargo(rows=2)), 4),
        (CombinatorialPurgedCV(5, 2, t0, t0 + 3), 10),
        (WalkForward(t0, t0 + 3, test_size=20, min_train=30), 5),
        (GroupPurgedKFold(3, t0, t0 + 3), 3),
    ):
        score = cross_val_score(LogisticRegression(), X, y, cv=cv, groups=groups)
        assert score.shape == (n_splits,)
        assert score.mean() > 0.6
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=PurgedKFold(3, t0, t0 + 3)).fit(X, y)
    assert search.n_splits_ == 3


def test_each_pass_gives_fresh_arrays():
    t0 = np.arange(30)
    for cv in (
        PurgedKFold(3, t0, t0 + 2),
        CombinatorialPurgedCV(4, 2, t0, t0 + 2),
        WalkForward(t0, t0, n_splits=3, test_size=4),
    ):
        before = splits_of(cv)
        for train, test in cv.split():
            train[:], test[:] = -1, -1
        assert splits_of(cv) == before


def test_times_in_any_form_make_the_same_splits():
    t0 = np.arange(12) * 60_000_000 + 1_700_000_000_000_000
    t1 = t0 + 90_000_000
    expected = splits_of(PurgedKFold(3, t0, t1))
    of = {
        "polars": lambda x: pl.Series(x).cast(pl.Datetime("us", "UTC")),
        "polars, ms": lambda x: pl.Series(x).cast(pl.Datetime("us")).dt.cast_time_unit("ms"),
        "polars, ns": lambda x: pl.Series(x).cast(pl.Datetime("us")).dt.cast_time_unit("ns"),
        "polars, int": pl.Series,
        "numpy": lambda x: x.astype("datetime64[us]"),
        "pandas": lambda x: pd.Series(pd.to_datetime(x, unit="us", utc=True)),
        "datetimes": lambda x: pl.Series(x).cast(pl.Datetime("us", "UTC")).to_list(),
        "int32": lambda x: ((x - t0[0]) // 1_000_000).astype(np.int32),
    }
    for name, form in of.items():
        assert splits_of(PurgedKFold(3, form(t0), form(t1))) == expected, name


@pytest.mark.parametrize(
    ("t0", "t1", "message"),
    [
        ([0.0, 1.0], [1.0, 2.0], "t0 is Float64"),
        ([0, None], [1, 2], "t0 has 1 nulls of 2"),
        (["a", "b"], [1, 2], "t0 is String"),
        ([0, 1, 2], [1, 2], r"3 starts \(t0\) and 2 ends"),
        ([0, 5], [1, 2], "of 2 rows 1 end before they start"),
        ([5, 0], [6, 2], "1 of 2 rows start before the row above; sort by t0"),
        (np.array([1, 2], "datetime64[ns]"), [1, 2], "2 of 2 times of t0 are finer than a microsecond"),
    ],
)
def test_windows_that_are_no_windows_are_refused(t0, t1, message):
    with pytest.raises(DataError, match=message):
        PurgedKFold(2, t0, t1)


T = np.arange(10)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PurgedKFold(11, T, T), DataError, "10 rows can't make 11 folds"),
        (lambda: PurgedKFold(1, T, T), DataError, "needs at least 2 folds"),
        (lambda: PurgedKFold(2, T[:0], T[:0]), DataError, "0 rows can't make 2 folds"),
        (lambda: CombinatorialPurgedCV(11, 2, T, T), DataError, "10 rows can't make 11 folds"),
        (lambda: CombinatorialPurgedCV(4, 4, T, T), ParamsError, "n_test_groups = 4: must lie between 1 and 3"),
        (lambda: CombinatorialPurgedCV(4, 0, T, T), ParamsError, "n_test_groups = 0"),
        (lambda: PurgedKFold(2, T, T, closed="right"), ParamsError, "closed = 'right'"),
        (lambda: WalkForward(T, T, test_size=2), ParamsError, "either min_train or n_splits"),
        (lambda: WalkForward(T, T, test_size=2, min_train=1, n_splits=2), ParamsError, "either min_train or n_splits"),
        (lambda: WalkForward(T, T, test_size=0, n_splits=2), ParamsError, "test_size = 0; must be at least 1"),
        (lambda: WalkForward(T, T, test_size=2, n_splits=2, max_train=0), ParamsError, "max_train = 0"),
        (lambda: WalkForward(T, T, test_size=5, n_splits=2), DataError, "10 rows can't make 2 blocks of 5"),
        (lambda: WalkForward(T, T + 99, test_size=5, min_train=1), DataError, "a block after 1 ended labels"),
        (lambda: GroupPurgedKFold(3, T, T, T // 5).split(), DataError, "2 rows can't make 3 folds"),
        (lambda: GroupPurgedKFold(2, T, T).split(), DataError, "no groups; give them to split or at construction"),
        (lambda: GroupPurgedKFold(2, T, T, T[:9]), DataError, "9 groups for 10 rows"),
        (lambda: GroupPurgedKFold(2, T, T, np.where(T == 3, np.nan, 1.0)), DataError, "1 of 10 rows have no group"),
        (lambda: PurgedKFold(2, T, T).split(np.zeros((9, 1))), DataError, "X has 9 rows and the label windows 10"),
        (lambda: GroupPurgedKFold(2, T, T, T).split([0] * 9), DataError, "X has 9 rows and the label windows 10"),
        (lambda: PurgedKFold(5, T, T + 9).split(), DataError, "split 0 of 5 has no row left to train on"),
        (lambda: Embargo(rows=1, frac=0.1), ParamsError, "rows and frac are given; choose one"),
        (lambda: Embargo(rows=-1), ParamsError, "rows = -1; must not be negative"),
        (lambda: Embargo(frac=float("nan")), ParamsError, r"frac = nan; must lie in \[0, 1\]"),
        (lambda: Embargo(time=timedelta(-1)), ParamsError, "must not be negative"),
        (lambda: Embargo(after="t1"), ParamsError, "after = 't1'"),
    ],
)
def test_what_cannot_be_split_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        list(make())


def test_a_window_that_has_not_ended_overlaps_all_that_follows():
    t1 = T.copy()
    t1[4] = OPEN
    for embargo in (NO_EMBARGO, Embargo(time=timedelta(days=9)), Embargo(time=timedelta.max)):
        cv = PurgedKFold(2, T, t1, embargo=embargo)
        assert splits_of(cv) is None  # row 4 is tested first: nothing after it may train
        cv = WalkForward(T, t1, n_splits=2, test_size=2)
        assert splits_of(cv) == [([0, 1, 2, 3, 5], [6, 7]), ([0, 1, 2, 3, 5, 6, 7], [8, 9])]


@settings(max_examples=40)
@given(windows(), EMBARGOES, CLOSED)
def test_the_audit_finds_nothing_in_ours(data, embargo, closed):
    t0, t1 = data
    for make in (lambda **o: PurgedKFold(3, t0, t1, **o), lambda **o: CombinatorialPurgedCV(4, 2, t0, t1, **o)):
        splitter = make(embargo=embargo, closed=closed)
        if splits_of(splitter) is not None:
            assert audit_splits(splitter, t0, t1, closed=closed) == ()
