"""Bagging whose estimators learn from labels that overlap little: the sequential bootstrap in scikit-learn's shape.

scikit-learn's own bagging draws every row alike. Labels that share bars are nearly one label, so its samples repeat
each other and its out-of-bag rows are copies of rows in the bag (AFML 4.5, 6.3). Here each estimator's sample is a
sequential bootstrap over the windows of the labels, of as many rows as there are unique ones among them.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, column_or_1d, has_fit_parameter, validate_data

from tsis.core.errors import DataError, ParamsError
from tsis.kernels.concurrency import concurrency
from tsis.kernels.sequential_bootstrap import segments
from tsis.models.bootstrap import label_windows, sequential_sample, uniqueness

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class _SequentialBagging(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    _default: type[Any]

    def __init__(
        self,
        estimator: Any = None,
        n_estimators: int = 100,
        *,
        max_samples: float | None = None,
        oob_score: bool = False,
        n_jobs: int | None = None,
        random_state: Any = 0,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.oob_score = oob_score
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        start: npt.ArrayLike,
        end: npt.ArrayLike,
    ) -> Self:
        """Fit every estimator on a sequential bootstrap of the rows.

        Parameters
        ----------
        X, y : (n, k) features and (n,) targets.
        sample_weight : (n,) given to the estimators for the rows they drew; it does not change what is drawn.
        start, end : (n,) first and last bar of each label's window, as `label_windows` takes them. Only the rows given
            here count: in a cross-validation those of the training fold.

        Raises
        ------
        DataError
            If the windows are not (n,) positions of bars.
        ParamsError
            If n_estimators or max_samples is out of range, or weights are given and the estimator takes none.
        ValueError
            If X, y or sample_weight are not what scikit-learn takes.
        """
        X, y = validate_data(self, X, y, dtype=None, ensure_all_finite=False)  # noqa: N806
        target = self._encoded(y)
        first, last = label_windows(start, end)
        if first.size != target.size:
            raise DataError(f"{type(self).__name__}: {target.size:,} rows and {first.size:,} label windows")
        base = self._base()
        weight = self._weight(sample_weight, target.size, base)
        self.average_uniqueness_ = float(uniqueness(first, last).mean())
        n_draws = self._n_draws(target.size)
        seeds = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=self._n_estimators())
        # threads: kernel and trees run without the GIL, and the rows are not copied to other processes
        fitted = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(_fit_one)(base, X, target, weight, first, last, n_draws, int(seed)) for seed in seeds
        )
        self.estimators_ = [estimator for estimator, _ in fitted]
        self.estimators_samples_ = [rows for _, rows in fitted]
        if self.oob_score:
            self._score_out_of_bag(X, target, first, last)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self._base()).input_tags.allow_nan
        return tags

    def _base(self) -> Any:
        return self._default() if self.estimator is None else self.estimator

    def _encoded(self, y: Any) -> npt.NDArray[Any]:
        raise NotImplementedError

    def _predicted(self, estimator: Any, X: Any) -> Floats:  # noqa: N803
        raise NotImplementedError

    def _out_of_bag(self, prediction: Floats, target: npt.NDArray[Any]) -> None:
        raise NotImplementedError

    def _mean_prediction(self, X: Any) -> Floats:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=False)  # noqa: N806
        # summed in the order of the estimators: no number of threads changes a bit
        total = self._predicted(self.estimators_[0], X)
        for estimator in self.estimators_[1:]:
            total = total + self._predicted(estimator, X)
        mean: Floats = total / len(self.estimators_)
        return mean

    def _weight(self, sample_weight: npt.ArrayLike | None, n: int, base: Any) -> Floats | None:
        if sample_weight is None:
            return None
        weight = np.asarray(sample_weight, dtype=np.float64)
        if weight.shape != (n,):
            raise ValueError(f"sample_weight.shape == {weight.shape}, expected {(n,)}")
        if not has_fit_parameter(base, "sample_weight"):
            raise ParamsError(f"{type(self).__name__}: {type(base).__name__}.fit takes no sample_weight; fit without")
        return weight

    def _n_estimators(self) -> int:
        if self.n_estimators < 1:
            raise ParamsError(f"{type(self).__name__}: n_estimators = {self.n_estimators} is not 1 or more")
        return self.n_estimators

    def _n_draws(self, n: int) -> int:
        chosen = self.average_uniqueness_ if self.max_samples is None else self.max_samples
        is_share = isinstance(chosen, float | np.floating)
        if not (0.0 < chosen <= 1.0 if is_share else chosen >= 1):
            raise ParamsError(
                f"{type(self).__name__}: max_samples = {chosen!r} is neither a share in (0, 1] nor a count from 1"
            )
        return max(1, round(chosen * n)) if is_share else int(chosen)

    def _score_out_of_bag(self, X: Any, target: npt.NDArray[Any], first: Ints, last: Ints) -> None:  # noqa: N803
        left, right, width, _, _ = segments(first, last)
        total = np.zeros_like(self._predicted(self.estimators_[0], X))
        n_votes = np.zeros((target.size, *[1] * (total.ndim - 1)))
        for estimator, rows in zip(self.estimators_, self.estimators_samples_, strict=True):
            is_seen = concurrency(left[rows], right[rows], width.size) > 0
            n_seen = np.concatenate(([0], np.cumsum(is_seen)))
            apart = np.flatnonzero(n_seen[right + 1] == n_seen[left])
            if apart.size:
                total[apart] += self._predicted(estimator, X[apart])
                n_votes[apart] += 1.0
        self._out_of_bag(np.where(n_votes > 0, total / np.maximum(n_votes, 1.0), np.nan), target)


class SequentialBaggingClassifier(ClassifierMixin, _SequentialBagging):  # type: ignore[misc]
    """Classifiers on sequential bootstraps of overlapping labels; their mean probability, or vote where they have none.

    ``fit(X, y, start=..., end=...)`` needs the windows of the labels, so that forgetting them is an error. They are
    metadata of the rows, as sample_weight is: `cross_validate(model, X, y, params={"start": start, "end": end})` cuts
    them along with the rows, and `set_fit_request(start=True, end=True)` routes them through pipelines.

    Parameters
    ----------
    estimator : of scikit-learn; None for a decision tree.
    n_estimators : number of bootstraps.
    max_samples : rows a bootstrap draws: a count, or a share of the rows; None for their average uniqueness (AFML 6.3).
    oob_score : whether to score each row by the estimators of which no drawn label shares a bar with it. That is
        stricter than out of bag: a row left out beside a drawn one with nearly the same window is no test.
    n_jobs : threads; changes nothing but the time.
    random_state : seed of the draws and of every random_state of the estimators.

    Attributes
    ----------
    classes_ : (c,) the labels, sorted.
    estimators_, estimators_samples_ : fitted, on which rows, in the order drawn; their targets are places in classes_.
    average_uniqueness_ : mean of it over the rows that were fitted.
    oob_decision_function_, oob_score_ : with `oob_score`: (n, c) mean probabilities, NaN in rows that no estimator may
        judge, and the accuracy over the others; NaN where there are none.
    """

    _default = DecisionTreeClassifier

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return (n, c) mean probabilities of the classes, in the order of `classes_`."""
        return self._mean_prediction(X)

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """Return the class with the highest mean probability; of equal ones the first."""
        best = self.predict_proba(X).argmax(axis=1)
        chosen: npt.NDArray[Any] = self.classes_[best]
        return chosen

    def _encoded(self, y: Any) -> npt.NDArray[Any]:
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        self.classes_, number = np.unique(labels, return_inverse=True)
        return number

    def _predicted(self, estimator: Any, X: Any) -> Floats:  # noqa: N803
        out = np.zeros((X.shape[0], self.classes_.size))
        if hasattr(estimator, "predict_proba"):
            out[:, estimator.classes_] = estimator.predict_proba(X)  # a bootstrap may have missed a class
        else:
            out[np.arange(X.shape[0]), estimator.predict(X)] = 1.0
        return out

    def _out_of_bag(self, prediction: Floats, target: npt.NDArray[Any]) -> None:
        self.oob_decision_function_ = prediction
        known = ~np.isnan(prediction[:, 0])
        hits = prediction[known].argmax(axis=1) == target[known]
        self.oob_score_ = float(hits.mean()) if hits.size else float("nan")


class SequentialBaggingRegressor(RegressorMixin, _SequentialBagging):  # type: ignore[misc]
    """Regressors on sequential bootstraps of overlapping labels, and their mean.

    Parameters and use as for `SequentialBaggingClassifier`.

    Attributes
    ----------
    estimators_, estimators_samples_, average_uniqueness_ : as there.
    oob_prediction_, oob_score_ : with `oob_score`: (n,) mean predictions, NaN in rows that no estimator may judge, and
        R² over the others; NaN where there are fewer than two.
    """

    _default = DecisionTreeRegressor

    def predict(self, X: Any) -> Floats:  # noqa: N803
        """Return the (n,) mean predictions."""
        return self._mean_prediction(X)

    def _encoded(self, y: Any) -> npt.NDArray[Any]:
        target: Floats = column_or_1d(y, warn=True).astype(np.float64)
        return target

    def _predicted(self, estimator: Any, X: Any) -> Floats:  # noqa: N803
        return np.asarray(estimator.predict(X), dtype=np.float64)

    def _out_of_bag(self, prediction: Floats, target: npt.NDArray[Any]) -> None:
        self.oob_prediction_ = prediction
        known = ~np.isnan(prediction)
        is_enough = np.count_nonzero(known) > 1
        self.oob_score_ = float(r2_score(target[known], prediction[known])) if is_enough else float("nan")


def _fit_one(
    base: Any,
    X: Any,  # noqa: N803
    target: npt.NDArray[Any],
    weight: Floats | None,
    first: Ints,
    last: Ints,
    n_draws: int,
    seed: int,
) -> tuple[Any, Ints]:
    rows = sequential_sample(first, last, n_draws, seed)
    estimator = clone(base)
    random = {name: seed for name in sorted(estimator.get_params()) if name.split("__")[-1] == "random_state"}
    estimator.set_params(**random)
    given = {} if weight is None else {"sample_weight": weight[rows]}
    return estimator.fit(X[rows], target[rows], **given), rows
