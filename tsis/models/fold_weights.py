"""What the rows of one training fold weigh: computed on these rows alone, never stored as a column.

Each of these needs all rows of a sample. Over the whole history they would carry the test period into training, and
each new label would change all old ones; so a model computes them on the training rows of each fold, and so should a
notebook.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.errors import DataError
from tsis.core.params import Params

Floats = npt.NDArray[np.float64]


class FoldWeightsParams(Params):
    """How the stored weights of a fold's training rows are changed before a fit.

    Parameters
    ----------
    oldest_frac : what time leaves of the weight of the oldest row, the newest keeping all of it; 1 is no decay, and a
        negative one forgets the oldest rows altogether. See `time_decay`.
    is_balanced : the classes weigh the same in total. Probabilities are then those of a world where they do.
    """

    oldest_frac: float = Field(default=1.0, gt=-1, le=1)
    is_balanced: bool = False


def fold_weights(
    weight: Floats, average_uniqueness: Floats, label: Floats, params: FoldWeightsParams | None = None
) -> Floats:
    """Return `weight` after time decay and class balance, as `params` ask for; by default as it is.

    Parameters
    ----------
    weight, average_uniqueness, label : (n,) of the training rows of one fold, the oldest first.
    """
    chosen = params or FoldWeightsParams()
    changed = weight
    if chosen.oldest_frac != 1.0:
        changed = changed * time_decay(average_uniqueness, chosen.oldest_frac)
    return class_balance(label, changed) if chosen.is_balanced else changed


def normalised(weight: Floats) -> Floats:
    """Return the weights of one fold's training rows divided by their mean: they sum to the number of rows.

    Raises
    ------
    DataError
        If a weight is negative or not finite, or all are zero.
    """
    if not weight.size:
        return weight.copy()
    _require_weights("weight", weight)
    mean = math.fsum(weight) / weight.size
    if mean == 0.0:
        raise DataError(f"fold weights: all {weight.size:,} weights are zero; nothing would be learnt")
    return weight / mean


def time_decay(average_uniqueness: Floats, oldest_frac: float) -> Floats:
    """Return the factor that time leaves of each row of one fold's training rows: AFML snippet 4.11.

    Piecewise linear in the cumulative uniqueness, not in the calendar, so that a burst of overlapping labels ages the
    others little: 1 at the newest row, and with c = `oldest_frac` >= 0 the line reaches c just before the oldest row.
    With c < 0 it reaches 0 where the oldest share -c of all uniqueness ends, and the rows of that share are forgotten.

    Parameters
    ----------
    average_uniqueness : (n,) positive, the oldest row first.
    oldest_frac : in (-1, 1]; 1 leaves every row as it is.

    Raises
    ------
    DataError
        If `oldest_frac` is out of range, or a uniqueness is not a positive number.
    """
    if not -1.0 < oldest_frac <= 1.0:
        raise DataError(f"time decay: oldest_frac = {oldest_frac} is not in (-1, 1]")
    if not average_uniqueness.size:
        return average_uniqueness.copy()
    _require_weights("average_uniqueness", average_uniqueness, is_zero_allowed=False)
    age = np.cumsum(average_uniqueness)
    share = age / age[-1]
    slope = 1.0 - oldest_frac if oldest_frac >= 0.0 else 1.0 / (1.0 + oldest_frac)
    factor: Floats = np.maximum(1.0 - slope * (1.0 - share), 0.0)
    return factor


def class_balance(label: npt.NDArray[np.generic], weight: Floats) -> Floats:
    """Return the weights of one fold's training rows scaled so that each class has the same total; the sum stays.

    AFML 4.8 corrects for unequal counts; this corrects for unequal sums of weights, which is the same where all rows
    weigh the same. With one class nothing changes.

    Parameters
    ----------
    label : (n,) class of each row.
    weight : (n,) not negative.

    Raises
    ------
    DataError
        If a weight is negative or not finite, the lengths differ, or all rows of a class weigh nothing.
    """
    if label.shape != weight.shape:
        raise DataError(f"class balance: {label.size:,} labels and {weight.size:,} weights")
    if not weight.size:
        return weight.copy()
    _require_weights("weight", weight)
    classes, number = np.unique(label, return_inverse=True)
    totals = np.array([math.fsum(weight[number == k]) for k in range(classes.size)])
    if (totals == 0.0).any():
        raise DataError(
            f"class balance: the rows of class {classes[np.argmin(totals)]} weigh nothing (decayed away?); "
            "use a higher oldest_frac or no balance"
        )
    factor: Floats = math.fsum(totals) / classes.size / totals
    return weight * factor[number]


def _require_weights(name: str, values: Floats, *, is_zero_allowed: bool = True) -> None:
    is_good = np.isfinite(values) & ((values >= 0.0) if is_zero_allowed else (values > 0.0))
    n_bad = int(np.count_nonzero(~is_good))
    if n_bad:
        at = int(np.argmin(is_good))
        rule = "finite and not negative" if is_zero_allowed else "finite and positive"
        raise DataError(
            f"fold weights: {n_bad:,} of {values.size:,} values of {name} are not {rule} "
            f"(first: row {at}, {values[at]})"
        )
