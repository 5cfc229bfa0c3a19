"""The splits of a model's events: purged k-fold to judge it, purged walk-forward to predict with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tsis.core.errors import DataError
from tsis.models.purged_k_fold import Rows, purged_k_fold
from tsis.models.walk_forward import OPEN, purged_walk_forward


def purged_splits(
    name: str, events: pl.DataFrame, *, n_folds: int, embargo_frac: float, min_train: int, refit_every: int
) -> Iterator[tuple[str, int, Rows, Rows]]:
    """Yield (split, fold, train, test), first the folds of ``cv``, then the blocks of ``walk_forward``.

    Parameters
    ----------
    name : of the model, for messages.
    events : t0 ascending, t1 null where the event's window has not ended: those are in no training rows, and in the
        test rows of walk_forward alone.

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
    blocks = list(purged_walk_forward(t0, t1, min_train, refit_every))
    if not blocks:
        raise DataError(
            f"model '{name}': no event of {events.height:,} comes after {min_train:,} labels have ended; "
            "lower predictions.models min_train or shorten the label windows"
        )
    for fold, (train, test) in enumerate(blocks):
        yield "walk_forward", fold, train, test
