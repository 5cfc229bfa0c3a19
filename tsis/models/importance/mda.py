"""Mean decrease of accuracy: what the score out of sample loses when a feature is shuffled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tsis.core.errors import DataError
from tsis.models.importance.importance import Fitter, Floats, Importance, Rows, log_loss, over_folds


def mda(
    x: Floats,
    label: Floats,
    weight: Floats,
    splits: Iterable[tuple[Rows, Rows]],
    fit: Fitter,
    *,
    seed: int,
    n_repeats: int = 1,
) -> Importance:
    """Return how many nats of log loss each feature saves out of sample, by shuffling it in the test rows.

    Negative where the model does better without. Features that say the same hide one another: neither is missed; see
    `clustered_mda`. AFML 8.3.2, with the difference itself rather than its ratio to the loss.

    Parameters
    ----------
    x : (n, k) features. label : (n,) 0 or 1. weight : (n,) not negative, for fits and scores.
    splits : (train, test) row numbers; purged ones, or the labels leak and everything seems to matter.
    fit : called once a split.
    seed, n_repeats : of the shuffles; a repeat costs a prediction a feature, no fit.

    Raises
    ------
    DataError
        If there is no split.
    """
    groups = [[number] for number in range(x.shape[1])]
    return over_folds(shuffled_losses(x, label, weight, splits, fit, groups, seed=seed, n_repeats=n_repeats))


def shuffled_losses(
    x: Floats,
    label: Floats,
    weight: Floats,
    splits: Iterable[tuple[Rows, Rows]],
    fit: Fitter,
    groups: Sequence[Sequence[int]],
    *,
    seed: int,
    n_repeats: int,
) -> Floats:
    """Return (folds, groups) by how much the log loss grows where the columns of a group are shuffled together."""
    losses = []
    for fold, (train, test) in enumerate(splits):
        predict = fit(x[train], label[train], weight[train])
        truth, heavy = label[test], weight[test]
        before = log_loss(truth, heavy, predict(x[test]))
        row = []
        for number, columns in enumerate(groups):
            rng = np.random.default_rng([seed, fold, number])
            after = 0.0
            for _ in range(n_repeats):
                changed = x[test]
                changed[:, columns] = changed[rng.permutation(test.size)][:, columns]
                after += log_loss(truth, heavy, predict(changed))
            row.append(after / n_repeats - before)
        losses.append(row)
    if not losses:
        raise DataError("importance: there is no split; an iterator may have been used up")
    return np.array(losses)
