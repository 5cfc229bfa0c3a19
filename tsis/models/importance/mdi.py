"""Mean decrease of impurity: what a tree model itself says that it used."""

from __future__ import annotations

import numpy as np

from tsis.models.importance.importance import Floats, Importance, over_folds


def mdi(shares: Floats, *, is_one_feature_a_split: bool = False) -> Importance:
    """Return the mean share of each feature in what the splits gained.

    In sample, only of trees, and never negative: a feature of noise has some importance as well, and features that say
    the same share theirs. AFML 8.3.1.

    Parameters
    ----------
    shares : (trees or fits, k) not negative; each row is divided by its sum, and rows without a split are left out.
    is_one_feature_a_split : the trees saw one random feature a split (``max_features=1``), as the book advises: a zero
        then means that the feature was not offered, and is left out of its mean.
    """
    total = shares.sum(axis=1, keepdims=True)
    used = shares[total[:, 0] > 0.0] / total[total[:, 0] > 0.0]
    if not used.size:
        return Importance(np.zeros(shares.shape[1]), np.full(shares.shape[1], np.nan), np.zeros(shares.shape[1], int))
    found = over_folds(np.where(used > 0.0, used, np.nan) if is_one_feature_a_split else used)
    whole = np.nansum(found.mean)
    return Importance(np.nan_to_num(found.mean / whole), found.std / whole, found.n)
