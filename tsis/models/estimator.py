"""The contract of an estimator, and the one way in which any of them is fitted, stored and loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from tsis.core.discovery import members
from tsis.core.errors import ContractError, UnknownNameError
from tsis.core.params import Params, wrong_fields
from tsis.models.calibration import Calibration, CalibrationParams, calibrate
from tsis.models.sample import Sample

Floats = npt.NDArray[np.float64]


class EstimatorParams(Params):
    """What the parameters of every estimator have.

    Parameters
    ----------
    kind : name of the estimator.
    seed : of everything that it draws.
    n_threads : changes nothing but the time.
    """

    kind: str
    seed: int = Field(default=7, ge=0, lt=2**31)
    n_threads: int = Field(default=1, ge=1)


class Learner(Protocol):
    """What an estimator has learnt: a function from rows to probabilities that can be written down."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return what it was fitted with, without what changes nothing; in terms of JSON."""

    @property
    def importance(self) -> Floats | None:
        """Return the (k,) share of each feature in what the splits gained, all 0 without a split; None without such."""

    def probability(self, x: Floats) -> Floats:
        """Return the (n,) probability of label 1; that of a row does not depend on the rows beside it."""

    def dump(self, attributes: Mapping[str, str]) -> bytes:
        """Return it with `attributes`: equal bytes for equal content."""


P = TypeVar("P", bound=EstimatorParams)


@dataclass(frozen=True)
class Estimator(Generic[P]):
    """A way to learn; a module below ``tsis.models.estimators`` that binds one is found by discovery.

    Parameters
    ----------
    kind : its name in params.yaml; lower case, unique.
    description, source : one sentence; the library or paper.
    missing : what becomes of NaN in a feature.
    params : its parameters.
    fit : learns from rows that have passed `Sample.require_learnable`; equal rows and parameters give equal bytes,
        whatever the number of threads.
    load : returns what `Learner.dump` wrote, and the attributes.
    needs_bars : whether the sample must have start and end.
    """

    kind: str
    description: str
    source: str
    missing: str
    params: type[P]
    fit: Callable[[Sample, P], Learner]
    load: Callable[[bytes], tuple[Learner, dict[str, str]]]
    needs_bars: bool = False


AnyEstimator = Estimator[Any]


@cache
def estimators() -> dict[str, AnyEstimator]:
    """Return every estimator below ``tsis.models.estimators`` by its kind.

    Raises
    ------
    ContractError
        If two have one kind.
    """
    found: dict[str, AnyEstimator] = {}
    for item in members("tsis.models.estimators", Estimator):
        if found.setdefault(item.kind, item) is not item:
            raise ContractError(f"tsis.models.estimators: two estimators are called {item.kind!r}; rename one")
    return found


def estimator_params(given: Any) -> Any:
    """Return a mapping with a `kind` as the parameters of that estimator, anything else as it is.

    Raises
    ------
    ValueError
        If there is no such estimator, or its parameters are wrong.
    """
    if not isinstance(given, Mapping):
        return given
    kind = str(given.get("kind"))
    if kind not in estimators():
        raise ValueError(str(UnknownNameError("estimator", kind, estimators())))
    model = estimators()[kind].params
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise ValueError(f"{kind}: {wrong_fields(error, model)}") from error


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model as it is stored.

    Parameters
    ----------
    kind : of the estimator.
    artifact : its bytes; `tsis.models.artifact.load_model` reads them.
    estimator_params : canonical JSON of what it was fitted with, the device among them.
    gain_frac : (k,) share of each feature in the total gain, all 0 where no tree split; None for an estimator that has
        no such figure.
    learner, calibration : what predicts.
    """

    kind: str
    artifact: bytes
    estimator_params: str
    gain_frac: Floats | None
    learner: Learner
    calibration: Calibration | None

    @property
    def version(self) -> str:
        """Return the SHA-256 of the artifact."""
        return hashlib.sha256(self.artifact).hexdigest()

    def probability(self, x: Floats) -> Floats:
        """Return the (m,) probability of label 1 for rows x (m, k), calibrated where the model is."""
        raw = self.learner.probability(x)
        return raw if self.calibration is None else self.calibration.apply(raw)


def fit(
    sample: Sample,
    params: EstimatorParams,
    calibration: CalibrationParams | None = None,
    attributes: Mapping[str, str] | None = None,
) -> FittedModel:
    """Fit on the training rows of one fold.

    Parameters
    ----------
    sample : the rows; weights are divided by their mean.
    params : of the estimator of that `kind`.
    calibration : how probabilities are calibrated, on inner folds of these rows; None is not at all.
    attributes : texts that are stored within the artifact, and so are part of its version: what else was learnt on the
        training rows and must be known to predict. They change no probability.

    Raises
    ------
    DataError
        If the rows can't be learnt from: one class, weights that are all zero, an infinite value, fewer rows than inner
        folds, a missing value where the estimator takes none.
    ParamsError
        If this machine can't do what the parameters ask for.
    """
    estimator = estimators()[params.kind]

    def learn(rows: Sample) -> Learner:
        return estimator.fit(rows.require_learnable(), params)

    learner = learn(sample)
    calibrated = calibrate(sample, learn, calibration or CalibrationParams())
    stored = {
        "kind": params.kind,
        "features": json.dumps(sample.features, separators=(",", ":")),
        **({} if calibrated is None else {"calibration": calibrated.model_dump_json()}),
        **(attributes or {}),
    }
    return FittedModel(
        kind=params.kind,
        artifact=learner.dump(stored),
        estimator_params=json.dumps({"kind": params.kind, **learner.settings}, sort_keys=True),
        gain_frac=learner.importance,
        learner=learner,
        calibration=calibrated,
    )
