"""Importance finds the features that the labels were made of, and no others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss

from tsis.core.errors import DataError
from tsis.models.importance.clustered_mda import clustered_mda
from tsis.models.importance.feature_clusters import feature_clusters
from tsis.models.importance.importance import log_loss, over_folds
from tsis.models.importance.mda import mda
from tsis.models.importance.mdi import mdi
from tsis.models.importance.sfi import sfi
from tsis.models.purged_k_fold import purged_k_fold

INFORMATIVE, REDUNDANT, NOISE = range(4), range(4, 8), range(8, 16)


def informative_data(n=1500, seed=11):
    """Labels of 4 features; 4 more are copies of those with noise, and 8 say nothing."""
    rng = np.random.default_rng(seed)
    known = rng.normal(size=(n, 4))
    label = (rng.random(n) < 1.0 / (1.0 + np.exp(-known @ np.array([1.5, -1.2, 1.0, 0.8])))).astype(np.float64)
    x = np.column_stack((known, known + 0.3 * rng.normal(size=(n, 4)), rng.normal(size=(n, 8))))
    return x, label, rng.uniform(0.5, 1.5, n)


X, LABEL, WEIGHT = informative_data()
T0 = np.arange(LABEL.size, dtype=np.int64) * 10
SPLITS = list(purged_k_fold(T0, T0 + 25, 5, 0.01))


def logistic(x, label, weight):
    model = LogisticRegression(C=1.0).fit(x, label, sample_weight=weight)
    return lambda rows: model.predict_proba(rows)[:, 1]


def forest(x, label, weight):
    model = RandomForestClassifier(40, max_features=1, min_weight_fraction_leaf=0.02, random_state=3)
    model.fit(x, label, sample_weight=weight)
    return lambda rows: model.predict_proba(rows)[:, 1]


def separates(importance, above, below):
    return importance.mean[list(above)].min() > importance.mean[list(below)].max()


def test_mdi_recovers_the_features():
    model = RandomForestClassifier(100, max_features=1, min_weight_fraction_leaf=0.02, random_state=3)
    model.fit(X, LABEL, sample_weight=WEIGHT)
    found = mdi(np.array([tree.feature_importances_ for tree in model.estimators_]), is_one_feature_a_split=True)
    assert found.mean.sum() == pytest.approx(1.0)
    assert separates(found, [*INFORMATIVE, *REDUNDANT], NOISE)
    assert found.mean[list(NOISE)].min() > 0.0, "in sample noise matters too"


def test_mda_recovers_the_features_and_is_lowered_where_another_says_the_same():
    found = mda(X, LABEL, WEIGHT, SPLITS, forest, seed=1)
    assert separates(found, INFORMATIVE, NOISE)
    assert np.all(np.abs(found.mean[list(NOISE)]) < 3.0 * found.standard_error[list(NOISE)] + 1e-3)
    alone = mda(np.delete(X, list(REDUNDANT), axis=1), LABEL, WEIGHT, SPLITS, forest, seed=1)
    assert np.all(alone.mean[:4] > found.mean[:4])


def test_clustered_mda_restores_what_the_copies_hide():
    cluster = feature_clusters(X)
    assert all(cluster[i] == cluster[i + 4] for i in INFORMATIVE)
    assert len({cluster[i] for i in INFORMATIVE}) == 4
    found = clustered_mda(X, LABEL, WEIGHT, SPLITS, logistic, cluster, seed=1)
    assert set(np.argsort(found.mean)[-4:]) == {cluster[i] for i in INFORMATIVE}
    single = mda(X, LABEL, WEIGHT, SPLITS, logistic, seed=1)
    assert all(found.mean[cluster[i]] > single.mean[i + 4] for i in INFORMATIVE)


def test_sfi_recovers_the_features_and_their_copies():
    found = sfi(X, LABEL, WEIGHT, SPLITS, logistic)
    assert separates(found, [*INFORMATIVE, *REDUNDANT], NOISE)
    assert found.mean[list(NOISE)].mean() < 0.0, "worse than the base rate: fitted on noise"


def test_the_figures_are_those_of_a_plain_loop():
    found = mda(X, LABEL, WEIGHT, SPLITS, logistic, seed=5, n_repeats=2)
    expected = []
    for fold, (train, test) in enumerate(SPLITS):
        model = LogisticRegression(C=1.0).fit(X[train], LABEL[train], sample_weight=WEIGHT[train])
        rng = np.random.default_rng([5, fold, 3])

        def loss(x, model=model, test=test):
            return sklearn_log_loss(LABEL[test], model.predict_proba(x), sample_weight=WEIGHT[test])

        after = []
        for _ in range(2):
            x = X[test].copy()
            x[:, 3] = x[rng.permutation(test.size), 3]
            after.append(loss(x))
        expected.append(np.mean(after) - loss(X[test]))
    assert found.mean[3] == pytest.approx(np.mean(expected))
    assert found.std[3] == pytest.approx(np.std(expected, ddof=1))
    assert found.standard_error[3] == pytest.approx(np.std(expected, ddof=1) / 5**0.5)


def test_a_seed_repeats_and_inputs_stay():
    before = X.copy()
    first, second = (mda(X, LABEL, WEIGHT, SPLITS, logistic, seed=2) for _ in range(2))
    other = mda(X, LABEL, WEIGHT, SPLITS, logistic, seed=3)
    assert np.array_equal(first.mean, second.mean)
    assert not np.array_equal(first.mean, other.mean)
    assert np.array_equal(X, before)


def test_log_loss_is_scikit_learns():
    p = np.clip(np.random.default_rng(0).random(LABEL.size), 0.01, 0.99)
    assert log_loss(LABEL, WEIGHT, p) == pytest.approx(sklearn_log_loss(LABEL, p, sample_weight=WEIGHT))


def test_no_split_and_features_that_are_few_or_infinite():
    for method in (
        lambda: mda(X, LABEL, WEIGHT, iter(()), logistic, seed=1),
        lambda: sfi(X, LABEL, WEIGHT, [], logistic),
    ):
        with pytest.raises(DataError, match="no split"):
            method()
    assert feature_clusters(X[:, :2]).tolist() == [0, 1]
    with pytest.raises(DataError, match="1 infinite"):
        feature_clusters(np.array([[1.0, 2.0, np.inf], [0.0, 1.0, 2.0]]))


def test_a_feature_and_its_negative_and_one_with_gaps_are_one_cluster():
    x = np.column_stack(
        (X[:, 0], -X[:, 0], np.where(np.arange(X.shape[0]) % 7 == 0, np.nan, X[:, 0]), X[:, 1], X[:, 5])
    )
    assert feature_clusters(x).tolist() == [0, 0, 0, 1, 1]


def test_one_fold_has_no_spread_and_a_tree_without_a_split_no_say():
    one = over_folds(np.array([[0.5, 0.25]]))
    assert np.isnan(one.std).all()
    assert mdi(np.array([[0.0, 0.0], [3.0, 1.0]])).mean.tolist() == [0.75, 0.25]
    assert mdi(np.zeros((2, 2))).mean.tolist() == [0.0, 0.0]


def test_the_stage_weighs_the_features_of_the_events():
    from lakes import rows

    from tsis.models.cv_importance import CvImportanceParams, TaskParams, cv_importance

    n = 300
    moments = pl.Series(T0[:n] * 3_600_000_000).cast(pl.Datetime("us", "UTC"))
    base = rows("ml_dataset.dataset", n, ticker="A", bar_spec="time_1h", label=LABEL[:n].astype(int).tolist())
    base = base.with_columns(t0=moments, t1=moments.dt.offset_by("1h"), sample_weight=pl.Series(WEIGHT[:n]))
    dataset = base.with_columns(pl.Series("good", X[:n, 0]), pl.Series("bad", X[:n, 9]), pl.Series("copy", X[:n, 4]))
    tickers = rows("reference.tickers_dim", 1, ticker="A", asset_class="fx")
    task = TaskParams(asset_class="fx", bar_spec="time_1h", methods=("sfi", "mda", "clustered_mda"))
    found = cv_importance(
        dataset, tickers, CvImportanceParams(models={"m": task, "other": task.model_copy(update={"bar_spec": "x"})})
    )
    assert found["model"].unique().to_list() == ["m"]
    assert found.height == 9
    value = {(row["method"], row["feature"]): row["importance"] for row in found.iter_rows(named=True)}
    assert value["mda", "good"] > value["mda", "bad"]
    assert value["sfi", "copy"] > value["sfi", "bad"]
    assert value["clustered_mda", "good"] == value["clustered_mda", "copy"]
