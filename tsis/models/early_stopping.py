"""How many rounds are enough, asked of training rows that the rounds have not seen."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.errors import DataError
from tsis.core.params import Params
from tsis.models.sample import Sample

Floats = npt.NDArray[np.float64]


class EarlyStoppingParams(Params):
    """When boosting has learnt enough.

    Parameters
    ----------
    patience_rounds : it stops where so many rounds have not lowered the log loss of the validation rows.
    validation_frac : the newest share of the training rows. What shares a moment with them is purged from the rows
        that are learnt from; the test rows are not looked at.
    """

    patience_rounds: int = Field(default=20, ge=1)
    validation_frac: float = Field(default=0.2, gt=0, lt=1)


def purged_tail(sample: Sample, params: EarlyStoppingParams) -> tuple[Sample, Sample]:
    """Return the rows to learn from and the newest rows to validate on.

    Every label of the first ended before the first of the second began.

    Raises
    ------
    DataError
        If the sample has no windows, or one of the two would be empty or of one class.
    """
    t0, t1 = sample.windows("early stopping")
    n_tail = math.ceil(sample.n * params.validation_frac)
    tail = np.arange(sample.n - n_tail, sample.n)
    head = np.flatnonzero(t1 < t0[tail[0]])
    for what, rows in (("to learn from", head), ("to validate on", tail)):
        if np.unique(sample.label[rows]).size < 2:
            raise DataError(
                f"{sample.name}: early stopping leaves {rows.size:,} of {sample.n:,} training rows {what}, not of both "
                "classes; change validation_frac or set early_stopping to null"
            )
    return sample.rows(head), sample.rows(tail)


def best_round(losses: Floats) -> int:
    """Return the number of rounds with the lowest validation loss, the first of equal ones; `losses` is one a round."""
    return int(np.argmin(losses)) + 1
