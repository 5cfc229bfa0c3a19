"""What the splitters share: scikit-learn's interface over label windows that were given at construction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError
from tsis.models.windows import Windows

Rows = npt.NDArray[np.int64]


class Splitter(ABC):
    """A splitter in scikit-learn's shape, for ``cross_val_score(..., cv=splitter)`` and the like.

    It belongs to the rows whose windows it was made with, in their order: X must have as many. For a part of them (an
    inner search) make another one with ``t0[rows], t1[rows]``. Splitting draws nothing and keeps nothing: any number of
    `split` may run at a time, and each gives fresh arrays.
    """

    def __init__(self, windows: Windows) -> None:
        self.windows = windows

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002, N803
        """Return how many splits there are; what is given is not looked at."""
        return self._count()

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:  # noqa: ARG002, N803
        """Yield the row numbers (train, test) of each split, int64, ascending.

        Parameters
        ----------
        X : the n rows, of which only the number is looked at; None where they need no check.
        y, groups : not looked at.

        Raises
        ------
        DataError
            If X has another number of rows than the windows, or purging leaves no row to train on.
        """
        self._require_rows(X)
        return self._with_training_rows(self._splits())

    def _require_rows(self, X: Any) -> None:  # noqa: N803
        if X is None:
            return
        n = int(X.shape[0]) if hasattr(X, "shape") else len(X)
        if n != self.windows.n:
            raise DataError(
                f"{type(self).__name__}: X has {n:,} rows and the label windows {self.windows.n:,}; "
                "make a splitter with the windows of these rows"
            )

    def _with_training_rows(self, splits: Iterator[tuple[Rows, Rows]]) -> Iterator[tuple[Rows, Rows]]:
        for number, (train, test) in enumerate(splits):
            if not train.size:
                raise DataError(
                    f"{type(self).__name__}: split {number} of {self._count()} has no row left to train on after "
                    f"purging {self.windows.n:,} labels; take fewer test rows, shorter label windows or less embargo"
                )
            yield train, test

    @abstractmethod
    def _count(self) -> int: ...

    @abstractmethod
    def _splits(self) -> Iterator[tuple[Rows, Rows]]: ...
