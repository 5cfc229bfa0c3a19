"""The contract of a feature bank: outputs that one kernel computes together, row by row, from the bars of a series."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tsis.core.params import Params

Array = NDArray[np.float64]
P = TypeVar("P", bound=Params)
Step = Callable[[Array, int, int, Array, Array, Array, int], None]
"""``step(x, first, stop, params, state, out, k)``, compiled with `tsis.core.jit.jit`.

x (streams, m): rows of `tsis.core.stream`; columns `first` to `stop` - 1 are new bars, those before them are earlier
ones, at least `lookback` of them, NaN before the first bar of the series. params (p,); state (s,), zeros at first,
changed in place: with the rows before, all that the kernel remembers. out (stop - first, width): row i - first, columns
from `k`, one an output; NaN where a value is missing. It must not touch `x`, nor columns of `out` that are not its own.
"""


@dataclass(frozen=True)
class Feature:
    """One output of a bank: a column of the table `features`, known at the bar's close.

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
    """Features with one kernel.

    Parameters
    ----------
    inputs : the streams that the kernel reads, of `tsis.core.stream`; others may be NaN.
    outputs : what it writes, in order.
    params : constants for it.
    state_size : length of its flat state, which begins as zeros.
    lookback : how many earlier bars it reads from `x`.
    step : the kernel, see `Step`. Batch calls it with many rows and live with one, so that it can't see the future.
    """

    inputs: tuple[int, ...]
    outputs: tuple[Feature, ...]
    params: tuple[float, ...]
    state_size: int
    step: Step
    lookback: int = 0


@dataclass(frozen=True)
class Family(Generic[P]):
    """A bank for each choice of parameters; ``@bank`` makes one, and discovery finds it below ``tsis.features``."""

    name: str
    function: Callable[[P], Bank]
    params: type[P]

    def __call__(self, params: P) -> Bank:
        """Return the bank for `params`."""
        return self.function(params)

    @property
    def description(self) -> str:
        """Return the first line of its module's docstring."""
        return (sys.modules[self.module].__doc__ or "").partition("\n")[0]

    @property
    def module(self) -> str:
        """Return the module that defines it."""
        return self.function.__module__


def bank(function: Callable[[P], Bank]) -> Family[P]:
    """Declare a function from its parameters to a `Bank` as a family of features, named after the function.

    Raises
    ------
    TypeError
        If its one argument is not annotated with a `Params` class whose fields all have defaults.
    """
    arguments = list(inspect.signature(function).parameters)
    params = typing.get_type_hints(function).get(arguments[0]) if len(arguments) == 1 else None
    if not (inspect.isclass(params) and issubclass(params, Params)):
        raise TypeError(f"bank {function.__name__}: it takes one argument, annotated with a Params class")
    if missing := [name for name, field in params.model_fields.items() if field.is_required()]:
        raise TypeError(f"bank {function.__name__}: {', '.join(missing)} of its parameters have no default")
    return Family(function.__name__, function, cast(type[P], params))
