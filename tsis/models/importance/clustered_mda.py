"""Clustered MDA: what the score loses when all features that say the same are shuffled together."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tsis.models.importance.importance import Fitter, Floats, Importance, Rows, over_folds
from tsis.models.importance.mda import shuffled_losses


def clustered_mda(
    x: Floats,
    label: Floats,
    weight: Floats,
    splits: Iterable[tuple[Rows, Rows]],
    fit: Fitter,
    cluster: Rows,
    *,
    seed: int,
    n_repeats: int = 1,
) -> Importance:
    """Return the importance of each cluster of features: as `mda`, its columns shuffled by one and the same order.

    López de Prado, Machine Learning for Asset Managers (2020), 6.5.

    Parameters
    ----------
    cluster : (k,) the cluster of each feature, numbered from 0, as `feature_clusters` gives them.
    """
    groups = [np.flatnonzero(cluster == number).tolist() for number in range(int(cluster.max(initial=-1)) + 1)]
    return over_folds(shuffled_losses(x, label, weight, splits, fit, groups, seed=seed, n_repeats=n_repeats))
