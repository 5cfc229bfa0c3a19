"""Logistic regression with a penalty, on features scaled on the rows of the fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.errors import DataError, some
from tsis.models.estimator import Estimator, EstimatorParams
from tsis.models.sample import Sample
from tsis.models.sklearn_learner import SklearnLearner, fitted, loaded, one_thread

Floats = npt.NDArray[np.float64]


class LogisticParams(EstimatorParams):
    """The regression.

    Parameters
    ----------
    inverse_penalty : scikit-learn's C; a smaller one shrinks the coefficients more.
    l1_frac : share of the absolute values in the penalty: 0 is ridge, 1 lasso.
    missing : ``median`` puts the feature's median over the training rows in place of a missing value; with ``refuse``
        one is an error.
    max_rounds : of the solver.
    """

    kind: Literal["logistic"] = "logistic"
    inverse_penalty: float = Field(default=0.1, gt=0)
    l1_frac: float = Field(default=0.0, ge=0, le=1)
    missing: Literal["median", "refuse"] = "median"
    max_rounds: int = Field(default=10_000, ge=1)


@dataclass(frozen=True, eq=False)
class LinearLearner:
    """A fitted pipeline of imputation, scaling and regression, whose sum is written out.

    A product of matrices adds up in an order that depends on their shape; here features are added in their order, so
    that a row alone gets the bits that it gets among others.
    """

    stored: SklearnLearner
    refuses_missing: bool

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return what it was fitted with."""
        return self.stored.settings

    @property
    def importance(self) -> None:
        """Return None: nothing is split."""
        return

    def probability(self, x: Floats) -> Floats:
        """Return the (n,) probability of label 1."""
        margin, _ = self.contributions(x)
        e = np.exp(-np.abs(margin))
        p: Floats = np.where(margin >= 0.0, 1.0, e) / (1.0 + e)
        return p

    def contributions(self, x: Floats) -> tuple[Floats, Floats]:
        """Return the margins (n,) and what features and bias add to them (n, k + 1), in log-odds.

        What a feature adds is its coefficient times its distance from its mean over the training rows: the SHAP value
        of a linear model whose features are taken to be independent.
        """
        imputer, scaler, regression = (step for _, step in self.stored.estimator.steps)
        parts = np.zeros((x.shape[0], self.stored.n_features + 1))
        parts[:, -1] = regression.intercept_[0]
        for j, column in enumerate(self.stored.used):
            value = x[:, column]
            is_missing = np.isnan(value)
            if self.refuses_missing and is_missing.any():
                raise DataError(
                    f"logistic: {int(is_missing.sum()):,} of {value.size:,} values of feature {column} are missing"
                )
            value = np.where(is_missing, imputer.statistics_[j], value)
            parts[:, column] = (value - scaler.mean_[j]) / scaler.scale_[j] * regression.coef_[0, j]
        margin = parts[:, -1].copy()
        for column in self.stored.used:
            margin += parts[:, column]
        return margin, parts

    def dump(self, attributes: Mapping[str, str]) -> bytes:
        """Return skops bytes."""
        return self.stored.dump({"missing": "refuse" if self.refuses_missing else "median", **attributes})


def _fit(sample: Sample, params: LogisticParams) -> LinearLearner:
    from sklearn.impute import SimpleImputer  # noqa: PLC0415  slow import
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import Pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    is_missing = np.isnan(sample.x).any(axis=0)
    if params.missing == "refuse" and is_missing.any():
        guilty = [sample.features[j] for j in np.flatnonzero(is_missing)]
        raise DataError(
            f"{sample.name}: {int(np.isnan(sample.x).sum()):,} of {sample.x.size:,} values are missing (features: "
            f"{some(guilty)}), and logistic regression takes none; leave them out, or set missing: median"
        )
    solver = "saga" if params.l1_frac else "lbfgs"
    regression = LogisticRegression(
        C=params.inverse_penalty,
        l1_ratio=params.l1_frac,
        solver=solver,
        max_iter=params.max_rounds,
        random_state=params.seed,
    )
    steps = [("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler()), ("regress", regression)]
    settings = params.model_dump(exclude={"kind", "n_threads"})
    with one_thread():
        stored = fitted(Pipeline(steps), sample, settings, weighs=("scale", "regress"))
    return LinearLearner(stored, params.missing == "refuse")


def _load(artifact: bytes) -> tuple[LinearLearner, dict[str, str]]:
    stored, attributes = loaded(artifact, ["numpy.dtype"])
    return LinearLearner(stored, attributes["missing"] == "refuse"), attributes


LOGISTIC = Estimator(
    kind="logistic",
    description="A line in scaled features, with a ridge, lasso or mixed penalty",
    source="Zou and Hastie (2005); scikit-learn's LogisticRegression",
    missing="the median over the training rows, or an error",
    params=LogisticParams,
    fit=_fit,
    load=_load,
)
"""One thread, whatever n_threads says: the sums of a multi-threaded BLAS depend on their number."""
