"""The contract of a feature bank: outputs that are computed together, row by row, from the bars of one series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Step = Callable[[Array, Array, Array, Array], None]
"""``step(x, params, state, out)``: x (inputs, n), params (p,), state (s,) changed in place, out (outputs, n)."""


@dataclass(frozen=True)
class Feature:
    """One output of a bank: a column of the table `features`.

    Parameters
    ----------
    name : the column, lower case, unique over all banks.
    unit, description : as in every table.
    warm_up : rows of a series before the first one that can have a value; there the value is missing.
    source : book, paper or library whose definition it follows.
    """

    name: str
    unit: str
    description: str
    warm_up: int
    source: str


@dataclass(frozen=True)
class Bank:
    """Features with one kernel; a module below ``tsis.features`` that binds one is found by discovery.

    Parameters
    ----------
    inputs : columns of information_bars, in the order of the kernel's rows; times as microseconds, null as NaN.
    outputs : what the kernel writes, in order.
    params : constants for the kernel.
    state_size : length of its flat state, which begins as zeros.
    step : the kernel. Batch calls it once on n rows, live on one; the state between calls is all that it remembers, so
        that it can't see the future. NaN where a value is missing.
    """

    inputs: tuple[str, ...]
    outputs: tuple[Feature, ...]
    params: tuple[float, ...]
    state_size: int
    step: Step

    def initial_state(self) -> Array:
        """Return the state before the first bar; its bytes are a checkpoint."""
        return np.zeros(self.state_size)

    def fold(self, x: Array, state: Array) -> Array:
        """Return the outputs (outputs, n) of the rows `x` (inputs, n) and leave the state after them in `state`."""
        out = np.empty((len(self.outputs), x.shape[1]))
        self.step(np.ascontiguousarray(x), np.array(self.params, dtype=np.float64), state, out)
        return out
