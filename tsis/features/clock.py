"""When a bar closed, and how long it took."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature
from tsis.core.jit import jit

_DAY_US = 86_400e6


@jit
def _step(x: Array, params: Array, state: Array, out: Array) -> None:  # noqa: ARG001  a time by itself needs no state
    for i in range(x.shape[1]):
        angle = 2.0 * np.pi * (x[1, i] % params[0]) / params[0]
        out[0, i] = np.log1p((x[1, i] - x[0, i]) / 1e6)
        out[1, i] = np.sin(angle)
        out[2, i] = np.cos(angle)


bank = Bank(
    inputs=("ts_open", "ts_close"),
    outputs=(
        Feature("log_duration", "log seconds", "Log of 1 + seconds from the bar's open to its close", 0, "AFML 2.3"),
        Feature("time_of_day_sin", "sine", "Sine of the bar's close on the UTC day's circle", 0, "circular encoding"),
        Feature(
            "time_of_day_cos", "cosine", "Cosine of the bar's close on the UTC day's circle", 0, "circular encoding"
        ),
    ),
    params=(_DAY_US,),
    state_size=0,
    step=_step,
)
