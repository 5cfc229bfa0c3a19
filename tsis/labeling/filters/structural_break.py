"""Events where a test begins to find that the price has broken away from its level."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tsis.core.event_filter import Array, Directions, EventFilter, FilterParams
from tsis.kernels.structural_breaks import B_ALPHA_5_PCT, csw_cusum


class StructuralBreakParams(FilterParams):
    """The window and the level of the Chu-Stinchcombe-White CUSUM test on log prices.

    Parameters
    ----------
    min_bars, max_bars : in the window that ends at a bar; fewer than `max_bars` only where a series begins.
    b_alpha : of the critical value sqrt(b_alpha + log(t - n)); 4.6 for 5 %, more for fewer events.
    """

    kind: Literal["structural_break"] = "structural_break"
    min_bars: int = Field(default=20, ge=3)
    max_bars: int = Field(default=100, ge=3)
    b_alpha: float = Field(default=B_ALPHA_5_PCT, ge=0)

    @model_validator(mode="after")
    def _some_window(self) -> Self:
        if self.max_bars < self.min_bars:
            raise ValueError(f"max_bars ({self.max_bars}) must not be below min_bars ({self.min_bars})")
        return self


def _initial_state(params: StructuralBreakParams) -> Array:
    # the last direction, the number of closes kept, and room for the log prices of the window before the next bar
    return np.zeros(2 + params.max_bars - 1)


def _run(x: Array, params: StructuralBreakParams, state: Array) -> Directions:
    kept = int(state[1])
    y = np.concatenate((state[2 : 2 + kept], np.log(x[0])))
    statistics = np.empty((y.size, 4))
    csw_cusum(y, params.min_bars, params.max_bars, params.b_alpha, statistics)
    up, up_level, down, down_level = statistics[kept:].T
    found = np.where(up > up_level, 1, np.where(down > down_level, -1, 0))
    before = np.concatenate(([int(state[0])], found))
    tail = y[max(y.size - params.max_bars + 1, 0) :]
    state[0], state[1], state[2 : 2 + tail.size] = before[-1], tail.size, tail
    return np.where(found != before[:-1], found, 0).astype(np.int8)


STRUCTURAL_BREAK = EventFilter(
    kind="structural_break",
    description="The CUSUM test on levels begins to reject, upwards or downwards",
    source="Chu, Stinchcombe and White 1996; AFML 17.3.2",
    inputs=("close",),
    params=StructuralBreakParams,
    initial_state=_initial_state,
    run=_run,
)
