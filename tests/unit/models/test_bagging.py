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
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsis.core.errors import DataError, ParamsError
from tsis.models.bagging import SequentialBaggingClassifier, SequentialBaggingRegressor
from tsis.models.bootstrap import sequential_sample, uniqueness


class WindowedClassifier(SequentialBaggingClassifier):
    """scikit-learn's checks know no windows: here each row's holds the next row too."""

    def fit(self, X, y, sample_weight=None):
        n = np.shape(X)[0] if np.ndim(X) else 0
        return super().fit(X, y, sample_weight, start=np.arange(n), end=np.arange(n) + 1)


class WindowedRegressor(SequentialBaggingRegressor):
    def fit(self, X, y, sample_weight=None):
        n = np.shape(X)[0] if np.ndim(X) else 0
        return super().fit(X, y, sample_weight, start=np.arange(n), end=np.arange(n) + 1)


NOT_FOR_BAGGING = {
    name: "a bootstrap of weighted rows is not that of repeated or removed rows"
    for name in ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data")
}


@parametrize_with_checks(
    [WindowedClassifier(n_estimators=10), WindowedRegressor(n_estimators=10)],
    expected_failed_checks=lambda _: NOT_FOR_BAGGING,
)
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)
