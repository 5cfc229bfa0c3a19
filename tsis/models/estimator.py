"""The estimator: gradient-boosted trees that give equal bytes for equal rows."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.params import Params
from tsis.models.fold_weights import normalised

Floats = npt.NDArray[np.float64]


class XgboostParams(Params):
    """The trees. Small ones: financial labels are mostly noise, and a live prediction costs less.

    Parameters
    ----------
    n_rounds, max_depth, max_bin, learning_rate, subsample, colsample_bytree, min_child_weight, reg_lambda, seed : as
        XGBoost names them (n_rounds is ``num_boost_round``); weights are normalised to mean 1, so that
        min_child_weight = 5 asks for about 20 rows a leaf.
    n_threads : changes nothing but the time.
    """

    n_rounds: int = Field(default=60, ge=1)
    max_depth: int = Field(default=3, ge=1)
    max_bin: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    subsample: float = Field(default=0.8, gt=0, le=1)
    colsample_bytree: float = Field(default=0.8, gt=0, le=1)
    min_child_weight: float = Field(default=5.0, ge=0)
    reg_lambda: float = Field(default=1.0, ge=0)
    seed: int = 7
    n_threads: int = Field(default=1, ge=1)


@dataclass(frozen=True)
class FittedModel:
    """A fitted model as it is stored.

    Parameters
    ----------
    artifact : XGBoost UBJSON.
    estimator_params : canonical JSON of what it was fitted with, the device among them.
    gain_frac : (k,) share of each feature in the total gain; all 0 where no tree split.
    """

    artifact: bytes
    estimator_params: str
    gain_frac: Floats

    @property
    def version(self) -> str:
        """Return the SHA-256 of the artifact."""
        return hashlib.sha256(self.artifact).hexdigest()


def fit(
    x: Floats,
    label: Floats,
    weight: Floats,
    features: list[str],
    x_test: Floats,
    params: XgboostParams,
    attributes: Mapping[str, str] | None = None,
) -> tuple[FittedModel, Floats]:
    """Fit on the training rows and return the model and its probabilities of label 1 for the test rows.

    Parameters
    ----------
    x, x_test : (n, k) and (m, k) features; NaN is a missing value, for which each split learns a direction.
    label : (n,) 0 or 1, n >= 1. With one class the probability is nearly constant.
    weight : (n,) not negative; divided by its mean over these rows.
    features : the k names.
    attributes : texts that are stored within the artifact, and so are part of its version: what else was learnt on the
        training rows and must be known to predict. They change no probability.

    The prior is the weighted share of label 1, summed exactly, so that no thread count can change a bit.
    """
    import xgboost  # noqa: PLC0415  slow import

    relative = normalised(weight)
    prior = math.fsum(relative * label) / weight.size
    settings = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "device": "cpu",
        "base_score": min(max(prior, 0.01), 0.99),
        **params.model_dump(exclude={"n_rounds", "n_threads"}),
    }
    train = xgboost.DMatrix(x, label=label, weight=relative, feature_names=features, nthread=params.n_threads)
    booster = xgboost.train(settings | {"nthread": params.n_threads, "verbosity": 0}, train, params.n_rounds)
    if attributes:
        booster.set_attr(**attributes)
    gain = booster.get_score(importance_type="total_gain")
    gains = np.array([float(gain.get(name, 0.0)) for name in features])
    total = math.fsum(gains)
    model = FittedModel(
        artifact=bytes(booster.save_raw("ubj")),
        estimator_params=json.dumps(settings | {"n_rounds": params.n_rounds}, sort_keys=True),
        gain_frac=gains / total if total > 0 else gains,
    )
    test = xgboost.DMatrix(x_test, feature_names=features, nthread=params.n_threads)
    return model, booster.predict(test).astype(np.float64)
