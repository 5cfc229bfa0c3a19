"""When a model is fitted again: a declared policy, decided at each event on what is known there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.errors import DataError
from tsis.core.params import Params
from tsis.models.walk_forward import ended_labels
from tsis.models.windows import Rows, Times, Windows

Floats = npt.NDArray[np.float64]

_HOUR_US = 3_600_000_000
_N_BINS = 10
_LEAST_SHARE = 1e-4


class DriftParams(Params):
    """When the features count as no longer those that the model learnt.

    Parameters
    ----------
    window_events : newest events that are held against all events up to the last refit; it is looked at once in so many
        events after a refit.
    min_psi : population stability index from which a feature has drifted; 0.25 is what credit scoring calls a shift.
    min_features_frac : share of the features that must have drifted.
    """

    window_events: int = Field(default=200, ge=20)
    min_psi: float = Field(default=0.25, gt=0)
    min_features_frac: float = Field(default=0.5, gt=0, le=1)


class RetrainingParams(Params):
    """When a model is fitted again.

    Parameters
    ----------
    min_hours, min_labels : at the first event so long after the last refit at which so many more labels have ended.
    drift : or as soon as the features have drifted and a label has ended since; None does not look.
    """

    min_hours: float = Field(default=24.0, ge=0)
    min_labels: int = Field(default=100, ge=1)
    drift: DriftParams | None = None


def refit_points(
    t0: Times, t1: Times, min_train: int, params: RetrainingParams, features: Floats | None = None
) -> Rows:
    """Return the events before which the model is fitted, ascending: the first where `min_train` labels have ended.

    Each is decided by what is known at its t0: the events up to it and the labels that had ended before. Later events
    and labels neither move nor remove one.

    Parameters
    ----------
    t0, t1 : (n,) start and end of each event's window, `tsis.models.walk_forward.OPEN` where it has not ended; t0
        ascending.
    min_train : labels that the first fit needs.
    features : (n, k) of the events, NaN where missing; needed for `drift`.

    Raises
    ------
    DataError
        If the windows are not ordered, or drift is asked for without features.
    """
    windows = Windows.of(t0, t1).require_sorted()
    if params.drift is not None and (features is None or features.shape[0] != t0.size):
        raise DataError(
            f"retraining: drift is looked for in the features of the {t0.size:,} events, and there are none"
        )
    n_ended = ended_labels(windows)
    point = int(np.searchsorted(n_ended, max(min_train, 1), side="left"))
    wait_us = int(params.min_hours * _HOUR_US)
    found: list[int] = []
    while point < t0.size:
        found.append(point)
        due = max(
            int(np.searchsorted(t0, t0[point] + wait_us, side="left")),
            int(np.searchsorted(n_ended, n_ended[point] + params.min_labels, side="left")),
            point + 1,
        )
        if params.drift is not None and features is not None:
            due = _drifted(features, n_ended, point, due, params.drift)
        point = due
    return np.array(found, dtype=np.int64)


def _drifted(features: Floats, n_ended: Rows, point: int, due: int, params: DriftParams) -> int:
    """Return the first event between `point` and `due` at which the features have drifted, else `due`."""
    for row in range(point + params.window_events, min(due, n_ended.size), params.window_events):
        if n_ended[row] == n_ended[point]:
            continue
        newest = features[row - params.window_events + 1 : row + 1]
        psi = np.array([stability_index(features[:point, j], newest[:, j]) for j in range(features.shape[1])])
        if np.mean(psi >= params.min_psi) >= params.min_features_frac:
            return row
    return due


def stability_index(before: Floats, after: Floats) -> float:
    """Return the population stability index of two samples of a feature; 0 where one is empty.

    The sum of (a - b) log(a / b) over the deciles of `before` and missing values, shares a and b being 1e-4 at least.

    Parameters
    ----------
    before, after : (n,) and (m,); NaN is a missing value.
    """
    if not before.size or not after.size:
        return 0.0
    known = before[~np.isnan(before)]
    edges = np.unique(np.quantile(known, np.arange(1, _N_BINS) / _N_BINS)) if known.size else np.empty(0)
    shares = []
    for sample in (before, after):
        # values equal to an edge lie below it, so that a feature of few values keeps them apart
        place = np.where(np.isnan(sample), edges.size + 1, np.searchsorted(edges, sample, side="left"))
        counts = np.bincount(place.astype(np.int64), minlength=edges.size + 2)
        shares.append(np.maximum(counts / sample.size, _LEAST_SHARE))
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
