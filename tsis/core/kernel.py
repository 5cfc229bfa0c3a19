"""How a kernel is driven, so that the laws can be tried on every kernel that discovery finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Fold:
    """A kernel with state: fed in any pieces, from any checkpoint, it returns the same rows.

    A module of ``tsis.kernels`` binds one for each of its folds.

    Parameters
    ----------
    inputs : names of the streams that it takes, of equal length, such as ``price`` and ``size``.
    initial_state : returns the state before the first row, a flat float64 array; its bytes are a checkpoint.
    run : ``run(arrays, state)`` consumes the arrays, changes `state` in place, and returns the rows that became known
        by it, in order: one an input row, or one a bar. Live is a call with one input row.
    """

    inputs: tuple[str, ...]
    initial_state: Callable[[], Rows]
    run: Callable[[tuple[Array, ...], Rows], Rows]


@dataclass(frozen=True)
class Batch:
    """A kernel that looks at windows as a whole: never live, and each row is known only when its window ends.

    Parameters
    ----------
    inputs : names of the streams that it takes, of equal length.
    run : ``run(arrays)`` returns (rows, known): `known` is, row by row, the input row that ends its window. Rows whose
        window has not ended by the last input row are left out.
    """

    inputs: tuple[str, ...]
    run: Callable[[tuple[Array, ...]], tuple[Rows, NDArray[np.int64]]]
