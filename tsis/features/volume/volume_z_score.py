"""How unusual the volume of a bar is."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import VOLUME
from tsis.kernels.rolling import push, ring_mean, ring_std

_WINDOW = 20


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars so far, ring of volumes
    ring = state[1:]
    for i in range(first, stop):
        push(ring, int(state[0]), x[VOLUME, i])
        state[0] += 1.0
        out[i - first, k] = np.nan
        if state[0] >= params[0]:
            mean = ring_mean(ring)
            deviation = ring_std(ring, mean, 1)
            if deviation > 0.0:
                out[i - first, k] = (x[VOLUME, i] - mean) / deviation


class VolumeZScoreParams(Params):
    """Parameters of `volume_z_score`."""


@bank
def volume_z_score(params: VolumeZScoreParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(VOLUME,),
        outputs=(
            Feature(
                f"volume_zscore_{_WINDOW}",
                "standard deviations",
                f"Volume less its mean over the last {_WINDOW} bars, itself included, over their standard deviation; "
                "null where that is zero",
                _WINDOW - 1,
                "z-score, n - 1",
            ),
        ),
        params=(_WINDOW,),
        state_size=1 + _WINDOW,
        step=_step,
    )
