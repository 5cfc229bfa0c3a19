"""When a bar closed, and how long it took."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import TS_CLOSE, TS_OPEN

_DAY_US = 86_400e6


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:  # noqa: ARG001  a time by itself needs no state
    for i in range(first, stop):
        angle = 2.0 * np.pi * (x[TS_CLOSE, i] % params[0]) / params[0]
        out[i - first, k] = np.log1p((x[TS_CLOSE, i] - x[TS_OPEN, i]) / 1e6)
        out[i - first, k + 1] = np.sin(angle)
        out[i - first, k + 2] = np.cos(angle)


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
        state_size=0,
        step=_step,
    )
