"""Volume and turnover of a bar against those of the bars around it.

All are figures of their window alone: a missing bar is missing until it has left, and nothing of it remains.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import DOLLAR_VOLUME, VOLUME
from tsis.kernels.window import MOMENTS_HEAD, SUM_HEAD, window_moments, window_sum


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: mean volume and turnover up to the bar before, moments of volume, window of turnover
    n, moments_at, sum_at = int(params[0]), int(params[1]), int(params[2])
    usual, usual_turnover = state[0], state[1]
    for i in range(first, stop):
        row = i - first
        volume, turnover = x[VOLUME, i], x[DOLLAR_VOLUME, i]
        out[row, k] = volume / usual if usual > 0.0 else np.nan
        mean, squares = window_moments(volume, n, state, moments_at)
        deviation = np.sqrt(squares / (n - 1.0))
        out[row, k + 1] = (volume - mean) / deviation if deviation > 0.0 else np.nan
        out[row, k + 2] = turnover
        out[row, k + 3] = turnover / usual_turnover if usual_turnover > 0.0 else np.nan
        usual, usual_turnover = mean, window_sum(turnover, n, state, sum_at) / n
        out[row, k + 4] = usual_turnover
    state[0], state[1] = usual, usual_turnover


class RelativeVolumeParams(Params):
    """Parameters of `relative_volume`.

    Parameters
    ----------
    period : bars of the windows.
    """

    period: int = Field(default=20, ge=2)


@bank
def relative_volume(params: RelativeVolumeParams) -> Bank:
    """Return the bank; null where the figure to compare with is zero."""
    n = params.period
    return Bank(
        inputs=(VOLUME, DOLLAR_VOLUME),
        outputs=(
            Feature(
                f"volume_ratio_{n}", "ratio", f"Volume over the mean volume of the {n} bars before", n, "definition"
            ),
            Feature(
                f"volume_zscore_{n}",
                "standard deviations",
                f"Volume less its mean over the last {n} bars, itself included, over their standard deviation",
                n - 1,
                "z-score, n - 1",
            ),
            Feature("bar_dollar_volume", "quote", "Turnover: price times size times multiplier", 0, "definition"),
            Feature(
                f"dollar_volume_ratio_{n}",
                "ratio",
                f"Turnover over the mean turnover of the {n} bars before",
                n,
                "definition",
            ),
            Feature(f"dollar_volume_mean_{n}", "quote", f"Mean turnover of the last {n} bars", n - 1, "definition"),
        ),
        params=(n, 2, 2 + MOMENTS_HEAD + 2 * n),
        state_size=2 + MOMENTS_HEAD + 2 * n + SUM_HEAD + n,
        step=_step,
    )
