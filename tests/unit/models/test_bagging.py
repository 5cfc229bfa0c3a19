"""The bagging estimators: scikit-learn's contract, what is drawn, what changes nothing, what is refused."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsis.core.errors import DataError, ParamsError
from tsis.models.bagging import SequentialBaggingClassifier, SequentialBaggingRegressor
from tsis.models.bootstrap import sequential_sample, uniqueness


def number_of_rows(X):
    shape = np.asarray(X).shape
    return shape[0] if shape else 0


class WindowedClassifier(SequentialBaggingClassifier):
    """scikit-learn's checks know no windows: here each row's holds the next row too."""

    def fit(self, X, y, sample_weight=None):
        n = number_of_rows(X)
        return super().fit(X, y, sample_weight, start=np.arange(n), end=np.arange(n) + 1)


class WindowedRegressor(SequentialBaggingRegressor):
    def fit(self, X, y, sample_weight=None):
        n = number_of_rows(X)
        return super().fit(X, y, sample_weight, start=np.arange(n), end=np.arange(n) + 1)


NOT_FOR_BAGGING = {
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 is not drawn twice as often, nor one of 0 never"
}


@parametrize_with_checks(
    [WindowedClassifier(n_estimators=5), WindowedRegressor(n_estimators=5)],
    expected_failed_checks=lambda _: NOT_FOR_BAGGING,
)
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rows():
    """400 overlapping labels of two classes that the first two features tell something about."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(400, 4))
    signal = x[:, 0] - x[:, 1] + rng.normal(size=400)
    start = np.sort(rng.integers(0, 1_500, 400))
    windows = {"start": start, "end": start + rng.integers(0, 20, 400)}
    return x, np.where(signal > 0, "up", "down"), signal, windows


def test_draws_are_sequential_bootstraps_of_the_average_uniqueness(rows):
    x, label, _, windows = rows
    model = SequentialBaggingClassifier(n_estimators=4, random_state=3).fit(x, label, **windows)
    unique = uniqueness(**windows).mean()
    assert model.average_uniqueness_ == pytest.approx(unique)
    assert [drawn.size for drawn in model.estimators_samples_] == [round(400 * unique)] * 4
    seeds = np.random.RandomState(3).randint(2**31 - 1, size=4)
    for drawn, seed, estimator in zip(model.estimators_samples_, seeds, model.estimators_, strict=True):
        np.testing.assert_array_equal(drawn, sequential_sample(*windows.values(), drawn.size, int(seed)))
        again = clone(estimator).fit(x[drawn], np.searchsorted(model.classes_, label[drawn]))
        np.testing.assert_array_equal(again.predict_proba(x), estimator.predict_proba(x))
    mean = np.mean([estimator.predict_proba(x) for estimator in model.estimators_], axis=0)
    np.testing.assert_allclose(model.predict_proba(x), mean, rtol=1e-12)


@pytest.mark.parametrize(("max_samples", "n_draws"), [(17, 17), (0.25, 100), (1.0, 400), (1, 1), (900, 900), (1e-9, 1)])
def test_max_samples_is_a_count_or_a_share(rows, max_samples, n_draws):
    x, _, signal, windows = rows
    model = SequentialBaggingRegressor(n_estimators=1, max_samples=max_samples).fit(x, signal, **windows)
    assert model.estimators_samples_[0].size == n_draws


def test_threads_change_nothing(rows):
    x, label, signal, windows = rows
    for kind, target in ((SequentialBaggingClassifier, label), (SequentialBaggingRegressor, signal)):
        one, four = (kind(n_estimators=8, n_jobs=n, oob_score=True).fit(x, target, **windows) for n in (1, 4))
        assert one.predict(x).tolist() == four.predict(x).tolist()
        assert one.oob_score_ == four.oob_score_
    probability = [
        SequentialBaggingClassifier(n_estimators=8, random_state=s).fit(x, label, **windows).predict_proba(x)
        for s in (0, 0, 1)
    ]
    assert probability[0].tobytes() == probability[1].tobytes() != probability[2].tobytes()


def test_windows_are_cut_along_with_the_rows(rows):
    x, label, _, windows = rows
    model = SequentialBaggingClassifier(n_estimators=10)
    scores = cross_validate(model, x, label, cv=3, params=windows)["test_score"]
    assert scores.mean() > 0.6
    search = GridSearchCV(model, {"max_samples": [0.2, None], "estimator": [None, KNeighborsClassifier()]}, cv=2)
    assert search.fit(x, label, **windows).best_score_ > 0.6


def test_windows_are_routed_through_pipelines(rows):
    import sklearn

    x, label, _, windows = rows
    with sklearn.config_context(enable_metadata_routing=True):
        model = SequentialBaggingClassifier(n_estimators=10).set_fit_request(start=True, end=True)
        routed = make_pipeline(StandardScaler(), model)
        assert cross_validate(routed, x, label, cv=3, params=windows)["test_score"].mean() > 0.6


def test_a_row_is_judged_only_by_estimators_that_saw_none_of_its_bars(rows):
    x, label, signal, windows = rows
    start, end = windows.values()
    model = SequentialBaggingClassifier(n_estimators=6, max_samples=20, oob_score=True).fit(x, label, **windows)
    expected = np.full((400, 2), np.nan)
    for k in range(400):
        votes = [
            estimator.predict_proba(x[k : k + 1])[0]
            for estimator, drawn in zip(model.estimators_, model.estimators_samples_, strict=True)
            if not ((start[drawn] <= end[k]) & (end[drawn] >= start[k])).any()
        ]
        if votes:
            expected[k] = np.mean(votes, axis=0)
    np.testing.assert_allclose(model.oob_decision_function_, expected, rtol=1e-12)
    known = ~np.isnan(expected[:, 0])
    assert np.count_nonzero(known) > 100
    hits = model.classes_[expected[known].argmax(axis=1)] == label[known]
    assert model.oob_score_ == pytest.approx(hits.mean())
    regressor = SequentialBaggingRegressor(Ridge(), 6, max_samples=20, oob_score=True).fit(x, signal, **windows)
    assert 0.2 < regressor.oob_score_ < 1.0
    assert np.isnan(regressor.oob_prediction_).tolist() == (~known).tolist()


def test_where_every_row_was_seen_there_is_no_score(rows):
    x, label, signal, _ = rows
    whole = {"start": np.zeros(400, dtype=int), "end": np.full(400, 9)}
    assert np.isnan(SequentialBaggingClassifier(n_estimators=2, oob_score=True).fit(x, label, **whole).oob_score_)
    assert np.isnan(SequentialBaggingRegressor(n_estimators=2, oob_score=True).fit(x, signal, **whole).oob_score_)


def test_estimators_without_probabilities_vote_and_classes_may_be_missed(rows):
    x, label, _, windows = rows
    voted = SequentialBaggingClassifier(RidgeClassifier(), 5).fit(x, label, **windows).predict_proba(x)
    assert set(np.unique(voted)) <= {k / 5 for k in range(6)}
    rare = label.copy()
    rare[7] = "flat"
    model = SequentialBaggingClassifier(n_estimators=5, max_samples=10).fit(x, rare, **windows)
    assert model.classes_.tolist() == ["down", "flat", "up"]
    assert any(estimator.classes_.size == 2 for estimator in model.estimators_)
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1.0)


def test_weights_reach_the_estimators(rows):
    x, label, _, windows = rows
    plain = SequentialBaggingClassifier(n_estimators=5).fit(x, label, **windows)
    only_up = np.where(label == "up", 1.0, 0.0)
    weighed = SequentialBaggingClassifier(n_estimators=5).fit(x, label, only_up, **windows)
    assert set(weighed.predict(x)) == {"up"}
    np.testing.assert_array_equal(weighed.estimators_samples_[0], plain.estimators_samples_[0])
    with pytest.raises(ParamsError, match=r"KNeighborsClassifier.fit takes no sample_weight"):
        SequentialBaggingClassifier(KNeighborsClassifier()).fit(x, label, only_up, **windows)


def test_a_fitted_model_can_be_stored(rows):
    x, label, _, windows = rows
    model = SequentialBaggingClassifier(n_estimators=3).fit(x, label, **windows)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(x), model.predict_proba(x))


def test_one_row_is_a_sample():
    model = SequentialBaggingRegressor(n_estimators=2).fit([[1.0]], [3.0], start=[5], end=[5])
    assert model.predict([[0.0]]).tolist() == [3.0]


def test_what_is_wrong_is_said(rows):
    x, label, _, windows = rows
    start, end = windows.values()
    model = SequentialBaggingClassifier(n_estimators=1)
    with pytest.raises(TypeError, match="start"):
        model.fit(x, label)
    with pytest.raises(DataError, match="400 rows and 399 label windows"):
        model.fit(x, label, start=start[1:], end=end[1:])
    with pytest.raises(DataError, match="end before they start"):
        model.fit(x, label, start=end + 1, end=start)
    with pytest.raises(DataError, match="end is float64, not integer"):
        model.fit(x, label, start=start, end=np.where(end > 100, np.nan, end))
    with pytest.raises(ValueError, match="expected \\(400,\\)"):
        model.fit(x, label, [1.0], **windows)
    for bad in (0, -1, 0.0, 1.5, np.nan):
        with pytest.raises(ParamsError, match="neither a share"):
            SequentialBaggingClassifier(max_samples=bad).fit(x, label, **windows)
    with pytest.raises(ParamsError, match="n_estimators = 0"):
        SequentialBaggingClassifier(n_estimators=0).fit(x, label, **windows)


def test_stages_are_found_without_scikit_learn():
    code = "import sys; from tsis.runtime.dag import stages; stages(); print('sklearn' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["False"]


def test_what_is_not_discovered_holds_no_stage():
    import tsis.models
    from tsis.core.stage import Stage
    from tsis.models import bagging

    assert tsis.models.UNDISCOVERED == ("bagging",)
    assert not [value for value in vars(bagging).values() if isinstance(value, Stage)]
