"""The splits of a model's events: purged k-fold to judge it, purged walk-forward to predict with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.core.errors import DataError
from tsis.models.purged_k_fold import Rows, purged_k_fold
from tsis.models.retraining import RetrainingParams, refit_points
from tsis.models.walk_forward import OPEN, walk_forward_from

Floats = npt.NDArray[np.float64]


def purged_splits(
    name: str,
    events: pl.DataFrame,
    *,
    n_folds: int,
    embargo_frac: float,
    min_train: int,
    retraining: RetrainingParams,
    features: Floats | None = None,
) -> Iterator[tuple[str, int, Rows, Rows]]:
    """Yield (split, fold, train, test), first the folds of ``cv``, then the blocks of ``walk_forward``.

    Parameters
    ----------
    name : of the model, for messages.
    events : t0 ascending, t1 null where the event's window has not ended: those are in no training rows, and in the
        test rows of walk_forward alone.
    retraining : when a block of walk_forward begins, after the first at which `min_train` labels have ended.
    features : (n, k) of the events; needed where retraining looks for drift.

    Raises
    ------
    DataError
        If purging leaves a fold without training rows, or no event comes after `min_train` labels.
    """
    t0, t1 = (events[column].to_physical().fill_null(OPEN).to_numpy() for column in ("t0", "t1"))
    labelled = np.flatnonzero(t1 != OPEN)
    for fold, (among, of) in enumerate(purged_k_fold(t0[labelled], t1[labelled], n_folds, embargo_frac)):
        train, test = labelled[among], labelled[of]
        if not train.size:
            raise DataError(
                f"model '{name}': cv fold {fold} of {n_folds} has no training row left after purging "
                f"{labelled.size:,} labelled events; use fewer folds or shorter label windows"
            )
        yield "cv", fold, train, test
    points = refit_points(t0, t1, min_train, retraining, features)
    if not points.size:
        raise DataError(
            f"model '{name}': no event of {events.height:,} comes after {min_train:,} labels have ended; "
            "lower predictions.models min_train or shorten the label windows"
        )
    for fold, (train, test) in enumerate(walk_forward_from(t0, t1, points)):
        yield "walk_forward", fold, train, test
