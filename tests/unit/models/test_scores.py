import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.models.scores import scores


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 80), st.sampled_from([1, 2, 8]))
def test_scores_are_those_of_scikit_learn(seed, n, decimals):
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n).astype(float)
    label[:2] = 0.0, 1.0
    probability = np.round(rng.random(n), decimals).clip(0.01, 0.99)
    found = scores(label, probability)
    predicted = probability >= 0.5
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(label, probability), rel=1e-12)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(label, probability), rel=1e-12)
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(label, probability), rel=1e-12)
    assert found["recall"] == pytest.approx(metrics.recall_score(label, predicted))
    assert found["f1"] == pytest.approx(metrics.f1_score(label, predicted, zero_division=0))
    if predicted.any():
        assert found["precision"] == pytest.approx(metrics.precision_score(label, predicted))


def test_undefined_scores_are_none_and_certain_errors_stay_finite():
    found = scores(np.zeros(3), np.array([0.0, 0.1, 0.2]))
    assert (found["precision"], found["recall"], found["f1"], found["auc"]) == (None, None, None, None)
    assert scores(np.array([1.0]), np.array([0.0]))["log_loss"] == pytest.approx(-np.log(1e-15))
