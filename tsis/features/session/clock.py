"""When a bar closed, and how long it took."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import TS_CLOSE, TS_OPEN

_DAY_US = 86_400e6


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: the last duration and its logarithm, which time bars have in common
    duration, log_duration = state[0], state[1]
    for i in range(first, stop):
        row = i - first
        now = x[TS_CLOSE, i]
        lasted = (now - x[TS_OPEN, i]) / 1e6
        if lasted != duration:
            duration, log_duration = lasted, np.log1p(lasted)
        angle = 2.0 * np.pi * ((now - np.floor(now / params[0]) * params[0]) / params[0])
        out[row, k] = log_duration
        out[row, k + 1] = np.sin(angle)
        out[row, k + 2] = np.cos(angle)
    state[0], state[1] = duration, log_duration


class ClockParams(Params):
    """Parameters of `clock`."""


@bank
def clock(params: ClockParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(TS_OPEN, TS_CLOSE),
        outputs=(
            Feature(
                "log_duration", "log seconds", "Log of 1 + seconds from the bar's open to its close", 0, "AFML 2.3"
            ),
            Feature(
                "time_of_day_sin", "sine", "Sine of the bar's close on the UTC day's circle", 0, "circular encoding"
            ),
            Feature(
                "time_of_day_cos", "cosine", "Cosine of the bar's close on the UTC day's circle", 0, "circular encoding"
            ),
        ),
        params=(_DAY_US,),
        state_size=2,
        step=_step,
    )
