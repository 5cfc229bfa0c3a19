"""The contract of an event filter: which bars of a series are worth a decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsis.core.params import Params

Array = NDArray[np.float64]
Directions = NDArray[np.int8]


class FilterParams(Params):
    """What the parameters of every filter have.

    Parameters
    ----------
    kind : name of the filter.
    primary : ``momentum`` takes the direction of the move that raised the event as its side, ``reversal`` the other;
        with ``none`` its events have no side.
    """

    kind: str
    primary: Literal["momentum", "reversal", "none"] = "momentum"


P = TypeVar("P", bound=FilterParams)


@dataclass(frozen=True)
class EventFilter(Generic[P]):
    """A rule that raises events; a module below ``tsis.labeling.filters`` that binds one is found by discovery.

    Parameters
    ----------
    kind : its name in params.yaml and in the column ``kind`` of labeling.events; lower case, unique.
    description, source : one sentence; the book, paper or library whose definition it follows.
    inputs : columns of information_bars, or ``target`` for the series' volatility per bar, which is NaN in its warm-up.
    params : its parameters.
    initial_state : returns the state before the first bar, a flat float64 array; its bytes are a checkpoint.
    run : ``run(x, params, state)`` takes the bars `x` (inputs, n) and returns for each +1 (an event, and the move is
        upward), -1 (an event, downward) or 0. The state, changed in place, is all that it remembers between calls, so
        that it can't see the future: batch calls it once on all bars, live on one. A rule that looks back keeps its
        window there.
    """

    kind: str
    description: str
    source: str
    inputs: tuple[str, ...]
    params: type[P]
    initial_state: Callable[[P], Array]
    run: Callable[[Array, P, Array], Directions]


AnyFilter = EventFilter[Any]
