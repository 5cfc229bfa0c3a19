"""Events where the close is far from its mean."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tsis.core.event_filter import Array, Directions, EventFilter, FilterParams
from tsis.kernels.z_score import initial_z_score, z_score


class ZScoreParams(FilterParams):
    """When a close counts as far.

    Parameters
    ----------
    mean_window, std_window : bars, this one included, of the mean and of the standard deviation.
    threshold : the distance, in standard deviations, that must be exceeded.
    """

    kind: Literal["z_score"] = "z_score"
    mean_window: int = Field(default=50, ge=2)
    std_window: int = Field(default=50, ge=2)
    threshold: float = Field(default=3.0, gt=0)


def _initial_state(params: ZScoreParams) -> Array:
    return initial_z_score(params.mean_window, params.std_window)


def _run(x: Array, params: ZScoreParams, state: Array) -> Directions:
    z = np.empty(x.shape[1])
    z_score(x[0], params.mean_window, params.std_window, state, z)
    return np.where(np.abs(z) > params.threshold, np.sign(z), 0.0).astype(np.int8)


Z_SCORE = EventFilter(
    kind="z_score",
    description="The close is more than so many rolling standard deviations away from its rolling mean",
    source="Peak detection by smoothed z-score; mlfinpy's z_score_filter, which looks upwards only",
    inputs=("close",),
    params=ZScoreParams,
    initial_state=_initial_state,
    run=_run,
)
