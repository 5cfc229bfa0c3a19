"""Single feature importance: what a model of one feature alone knows out of sample."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tsis.core.errors import DataError
from tsis.models.importance.importance import Fitter, Floats, Importance, Rows, log_loss, over_folds


def sfi(x: Floats, label: Floats, weight: Floats, splits: Iterable[tuple[Rows, Rows]], fit: Fitter) -> Importance:
    """Return by how many nats the log loss of a model of each feature alone is below that of the training base rate.

    Nothing hides another feature here, and what features only say together is not seen. AFML 8.4.1, whose score is
    here held against knowing nothing.

    Parameters
    ----------
    x, label, weight, splits : as in `tsis.models.importance.mda.mda`.
    fit : called once a split and feature, with one column.

    Raises
    ------
    DataError
        If there is no split.
    """
    gains = []
    for train, test in splits:
        base = math.fsum(weight[train] * label[train]) / math.fsum(weight[train])
        nothing = log_loss(label[test], weight[test], np.full(test.size, base))
        row = []
        for number in range(x.shape[1]):
            alone = x[:, [number]]
            probability = fit(alone[train], label[train], weight[train])(alone[test])
            row.append(nothing - log_loss(label[test], weight[test], probability))
        gains.append(row)
    if not gains:
        raise DataError("importance: there is no split; an iterator may have been used up")
    return over_folds(np.array(gains))
