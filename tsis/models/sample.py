"""The training rows of one fold, as every estimator takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, some
from tsis.models.fold_weights import normalised

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Training rows of one fold, the oldest first.

    Parameters
    ----------
    x : (n, k) features; NaN is a missing value.
    label : (n,) 0 or 1.
    weight : (n,) not negative; only their proportions count.
    features : the k names.
    t0, t1 : (n,) int64 microseconds, start and end of each label, t0 ascending: what inner folds are purged by.
    start, end : (n,) positions of the first and last bar of each label: what a sequential bootstrap draws by.
    name : what messages call it.
    """

    x: Floats
    label: Floats
    weight: Floats
    features: tuple[str, ...]
    t0: Ints | None = None
    t1: Ints | None = None
    start: Ints | None = None
    end: Ints | None = None
    name: str = "fit"

    @property
    def n(self) -> int:
        """Return the number of rows."""
        return int(self.label.size)

    def rows(self, chosen: Ints) -> Self:
        """Return the rows at `chosen`, in that order."""
        arrays = {name: getattr(self, name) for name in ("t0", "t1", "start", "end")}
        cut: dict[str, Any] = {name: None if array is None else array[chosen] for name, array in arrays.items()}
        return replace(self, x=self.x[chosen], label=self.label[chosen], weight=self.weight[chosen], **cut)

    def relative_weight(self) -> Floats:
        """Return the weights divided by their mean.

        Raises
        ------
        DataError
            If all are zero, or one is negative or not finite.
        """
        return normalised(self.weight)

    def windows(self, what: str) -> tuple[Ints, Ints]:
        """Return t0 and t1; `what` needs them.

        Raises
        ------
        DataError
            If the sample has none.
        """
        if self.t0 is None or self.t1 is None:
            raise DataError(f"{self.name}: {what} needs the windows of the labels (t0, t1), by which folds are purged")
        return self.t0, self.t1

    def require_learnable(self) -> Self:
        """Return this sample.

        Raises
        ------
        DataError
            If the arrays do not fit together, a value is infinite, a label is not 0 or 1, or there is one class only:
            what would be learnt from that is no prediction.
        """
        if self.x.shape != (self.n, len(self.features)) or self.weight.shape != self.label.shape:
            raise DataError(
                f"{self.name}: x {self.x.shape}, {self.n:,} labels, {self.weight.size:,} weights and "
                f"{len(self.features)} features do not belong together"
            )
        require_finite_or_missing(self.x, self.features, self.name)
        n_positive, n_negative = (int(np.count_nonzero(self.label == value)) for value in (1.0, 0.0))
        if n_positive + n_negative != self.n:
            raise DataError(f"{self.name}: {self.n - n_positive - n_negative:,} of {self.n:,} labels are not 0 or 1")
        if not n_positive or not n_negative:
            raise DataError(
                f"{self.name}: {self.n:,} training rows, {n_positive:,} of them positive; needs both classes: "
                "take fewer folds, more history, or other barriers"
            )
        return self


def require_finite_or_missing(x: Floats, features: tuple[str, ...], name: str) -> None:
    """Raise DataError where a value of x (n, k) is infinite; NaN is a missing value."""
    is_infinite = np.isinf(x)
    if is_infinite.any():
        guilty = [features[j] for j in np.flatnonzero(is_infinite.any(axis=0))]
        raise DataError(
            f"{name}: {int(is_infinite.sum()):,} of {x.size:,} values are infinite (features: {some(guilty)}); "
            "a value that does not exist is null"
        )
