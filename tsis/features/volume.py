"""How unusual the volume of a bar is."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature
from tsis.core.jit import jit
from tsis.kernels.rolling import push, ring_mean, ring_std

_WINDOW = 20


@jit
def _step(x: Array, params: Array, state: Array, out: Array) -> None:
    # state: bars so far, ring of volumes
    ring = state[1:]
    for i in range(x.shape[1]):
        push(ring, int(state[0]), x[0, i])
        state[0] += 1.0
        out[0, i] = np.nan
        if state[0] >= params[0]:
            mean = ring_mean(ring)
            deviation = ring_std(ring, mean, 1)
            if deviation > 0.0:
                out[0, i] = (x[0, i] - mean) / deviation


bank = Bank(
    inputs=("volume",),
    outputs=(
        Feature(
            f"volume_zscore_{_WINDOW}",
            "standard deviations",
            f"Volume less its mean over the last {_WINDOW} bars, itself included, over their standard deviation; null "
            "where that is zero",
            _WINDOW - 1,
            "z-score, n - 1",
        ),
    ),
    params=(_WINDOW,),
    state_size=1 + _WINDOW,
    step=_step,
)
