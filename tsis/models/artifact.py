"""A stored model, read back: only if it is the one that was asked for, and only for the features that it learnt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, IntegrityError, UnknownNameError, some
from tsis.models.calibration import Calibration
from tsis.models.estimator import Learner, estimators
from tsis.models.sample import require_finite_or_missing
from tsis.models.skops_artifact import kind_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model as it was stored.

    Parameters
    ----------
    version : SHA-256 of its bytes.
    kind : of its estimator.
    features : names, in the order that it takes them.
    attributes : texts stored with it.
    learner, calibration : what predicts.
    """

    version: str
    kind: str
    features: tuple[str, ...]
    attributes: Mapping[str, str]
    learner: Learner
    calibration: Calibration | None

    def probability(self, x: Floats, features: Sequence[str]) -> Floats:
        """Return the (n,) probability of label 1 for rows x (n, k), whose columns are `features`.

        Raises
        ------
        DataError
            If the features are not those that the model learnt, in their order, or a value is infinite.
        """
        self.require_features(features)
        if x.shape[1:] != (len(self.features),):
            raise DataError(f"model {self.version[:12]}: rows of shape {x.shape} for {len(self.features)} features")
        require_finite_or_missing(x, self.features, f"model {self.version[:12]}")
        raw = self.learner.probability(np.ascontiguousarray(x, dtype=np.float64))
        return raw if self.calibration is None else self.calibration.apply(raw)

    def require_features(self, features: Sequence[str]) -> None:
        """Raise DataError unless `features` are those that the model learnt, in their order."""
        given = tuple(features)
        if given == self.features:
            return
        missing = [name for name in self.features if name not in given]
        extra = [name for name in given if name not in self.features]
        told = [f"{len(missing)} are missing ({some(missing)})"] if missing else []
        told += [f"{len(extra)} are unknown to it ({some(extra)})"] if extra else []
        if len(set(given)) < len(given):
            told.append("some are given twice")
        wrong = next((f"'{b}' in place of '{a}'" for a, b in zip(self.features, given, strict=False) if a != b), "")
        raise DataError(
            f"model {self.version[:12]} learnt {len(self.features)} features and is given {len(given)}: "
            f"{'; '.join(told) or f'they stand in another order (first: {wrong})'}; it predicts nothing from them"
        )


def load_model(artifact: bytes, version: str) -> LoadedModel:
    """Return the model whose bytes are `artifact`.

    Parameters
    ----------
    version : SHA-256 that the bytes must have, as governance.models and the registry say.

    Raises
    ------
    IntegrityError
        If they have another, can't be read, are of no estimator here, or were written by a library that this one does
        not read.
    """
    found = hashlib.sha256(artifact).hexdigest()
    if found != version:
        raise IntegrityError(
            f"model artefact: its SHA-256 is {found[:12]} and not {version[:12]}: it was altered, or is another model; "
            "it is not read. Restore it, or fit it again: tsis run --force predictions"
        )
    kind = kind_of(artifact)
    if kind not in estimators():
        raise IntegrityError(f"model artefact {version[:12]}: {UnknownNameError('estimator', kind, estimators())}")
    learner, attributes = estimators()[kind].load(artifact)
    if attributes.get("kind") != kind or "features" not in attributes:
        raise IntegrityError(
            f"model artefact {version[:12]}: it says nothing of its estimator or features; fit it again"
        )
    calibration = attributes.get("calibration")
    return LoadedModel(
        version=version,
        kind=kind,
        features=tuple(json.loads(attributes["features"])),
        attributes=attributes,
        learner=learner,
        calibration=None if calibration is None else Calibration.model_validate_json(calibration),
    )
