"""The contract of a rule strategy: which side it takes at each bar of a series, and where it wants to enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsis.core.params import Params

Array = NDArray[np.float64]
Stances = NDArray[np.int8]
Step = Callable[[Array, Array, Array, Stances], None]

SIDE: Final = 0
"""Row of the stances: +1 long, -1 short, 0 none."""
ENTRY: Final = 1
"""Row of the stances: 1 where it wants to enter on its side, else 0."""


class RuleParams(Params):
    """What the parameters of every rule strategy have.

    Parameters
    ----------
    kind : name of the strategy.
    """

    kind: str


P = TypeVar("P", bound=RuleParams)


@dataclass(frozen=True)
class RuleStrategy(Generic[P]):
    """A primary model (AFML 3.6): it says which way, and leaves to a model whether and how much.

    A module below ``tsis.labeling.strategies`` that binds one is found by discovery.

    Parameters
    ----------
    kind : its name in params.yaml and in the column ``kind`` of labeling.events; lower case, unique.
    description, source : one sentence; the book or author whose rule it is.
    inputs : columns of information_bars, or ``target`` for the series' volatility per bar, which is NaN in its warm-up.
        Times are microseconds since 1970 UTC; what is missing is NaN.
    params : its parameters.
    numbers : what the step takes of them.
    initial_state : returns the state before the first bar, a flat float64 array; its bytes are a checkpoint.
    warm_up_bars : bars at the beginning of a series, all inputs known, that have no side whatever they say.
    step : ``step(x, numbers, state, out)``, compiled, takes the bars `x` (inputs, n) and writes the stances `out`
        (2, n) at their closes: rows `SIDE` and `ENTRY`. The state, changed in place, is all that it remembers between
        calls, so that it can't see the future: batch calls it once on all bars, live on one.
    """

    kind: str
    description: str
    source: str
    inputs: tuple[str, ...]
    params: type[P]
    numbers: Callable[[P], Sequence[float]]
    initial_state: Callable[[P], Array]
    warm_up_bars: Callable[[P], int]
    step: Step

    def run(self, x: Array, params: P, state: Array) -> Stances:
        """Return the stances (2, n) at the closes of the bars `x` (inputs, n); `state` is changed in place."""
        out = np.empty((2, x.shape[1]), dtype=np.int8)
        self.step(np.ascontiguousarray(x), np.array(self.numbers(params), dtype=np.float64), state, out)
        return out


AnyStrategy = RuleStrategy[Any]
