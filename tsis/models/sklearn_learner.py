"""What an estimator of scikit-learn has learnt, in the form that all estimators share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tsis.core.errors import IntegrityError
from tsis.models import skops_artifact
from tsis.models.sample import Sample

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SklearnLearner:
    """A fitted classifier of labels 0.0 and 1.0.

    Parameters
    ----------
    estimator : of scikit-learn, with no number of threads of its own: a forest adds up the votes of its trees in the
        order in which threads bring them, so that one thread asks them.
    used : features that have a value on a training row; of the others nothing can be learnt, and they are not shown.
    n_features : all of them.
    settings, importance : as `tsis.models.estimator.Learner` has them.
    """

    estimator: Any
    used: Ints
    n_features: int
    settings: Mapping[str, Any]
    importance: Floats | None = None

    def probability(self, x: Floats) -> Floats:
        """Return the (n,) probability of label 1."""
        if not x.shape[0]:
            return np.empty(0)
        with one_thread():
            both = self.estimator.predict_proba(x[:, self.used])
        found: Floats = np.ascontiguousarray(both[:, 1], dtype=np.float64)
        return found

    def dump(self, attributes: Mapping[str, str]) -> bytes:
        """Return skops bytes."""
        used = json.dumps(self.used.tolist(), separators=(",", ":"))
        told = {"used": used, "n_features": str(self.n_features), "library": library(), **attributes}
        return skops_artifact.dump(
            {"attributes": dict(sorted(told.items())), "estimator": self.estimator}, told["kind"]
        )


def fitted(
    estimator: Any,
    sample: Sample,
    settings: Mapping[str, Any],
    *,
    importance: Callable[[Any], Floats] | None = None,
    weighs: Sequence[str] = (),
    **given: Any,
) -> SklearnLearner:
    """Fit `estimator` on the rows, shown only the features that have a value, weighted relative to their mean.

    Parameters
    ----------
    importance : returns the (k,) importances of the features shown.
    weighs : the steps of a pipeline that take the weights.
    given : what else its ``fit`` takes.
    """
    used = np.flatnonzero(~np.isnan(sample.x).all(axis=0))
    names = [f"{step}__sample_weight" for step in weighs] or ["sample_weight"]
    weight = dict.fromkeys(names, sample.relative_weight())
    estimator.fit(sample.x[:, used], sample.label, **weight, **given)
    share = None
    if importance is not None:
        share = np.zeros(len(sample.features))
        share[used] = importance(estimator)
    return SklearnLearner(estimator, used, len(sample.features), settings, share)


def loaded(artifact: bytes, trusted: Sequence[str]) -> tuple[SklearnLearner, dict[str, str]]:
    """Return what `SklearnLearner.dump` wrote, and its attributes.

    Raises
    ------
    IntegrityError
        If the bytes are none of its, name types that are not trusted, or come from another scikit-learn.
    """
    content = skops_artifact.load(artifact, trusted)
    if not isinstance(content, dict) or set(content) != {"attributes", "estimator"}:
        raise IntegrityError("model artefact: a skops archive, but none that an estimator of TSIS wrote")
    attributes: dict[str, str] = content["attributes"]
    if attributes.get("library") != library():
        raise IntegrityError(
            f"model artefact: fitted with {attributes.get('library')}, and this is {library()}, which may read its "
            "parts otherwise; fit it again: tsis run --force predictions"
        )
    used = np.array(json.loads(attributes["used"]), dtype=np.int64)
    return SklearnLearner(content["estimator"], used, int(attributes["n_features"]), {}), attributes


def library() -> str:
    """Return the name and minor version of the library: artefacts of another one are not read."""
    import sklearn  # noqa: PLC0415  slow import

    return "scikit-learn " + ".".join(sklearn.__version__.split(".")[:2])


def one_thread() -> AbstractContextManager[Any]:
    """Return the context in which BLAS and OpenMP start no threads: their sums depend on the number of those."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits
