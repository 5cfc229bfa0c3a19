"""Volume and turnover of a bar against those of the bars around it.

All are figures of their window alone: a missing bar is missing until it has left, and nothing of it remains.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import DOLLAR_VOLUME, VOLUME
from tsis.kernels.rolling_windows import ROLLING_HEAD, ROLLING_MOMENTS_HEAD, rolling_moments, rolling_sum

_HEAD: Final = 2


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: mean volume and turnover up to the bar before, moments of volume, window of turnover
    n, usual, usual_turnover = int(params[0]), state[0], state[1]
    means, squares, turnovers = np.empty(stop - first), np.empty(stop - first), np.empty(stop - first)
    at = _HEAD + ROLLING_MOMENTS_HEAD + 2 * n
    rolling_moments(x[VOLUME, first:stop], n, state, at - ROLLING_MOMENTS_HEAD - 2 * n, means, squares)
    rolling_sum(x[DOLLAR_VOLUME, first:stop], n, state, at, turnovers)
    for i in range(first, stop):
        row = i - first
        volume, turnover = x[VOLUME, i], x[DOLLAR_VOLUME, i]
        deviation = np.sqrt(squares[row] / (n - 1.0))
        out[row, k] = volume / usual if usual > 0.0 else np.nan
        out[row, k + 1] = (volume - means[row]) / deviation if deviation > 0.0 else np.nan
        out[row, k + 2] = turnover
        out[row, k + 3] = turnover / usual_turnover if usual_turnover > 0.0 else np.nan
        usual, usual_turnover = means[row], turnovers[row] / n
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
        params=(n,),
        state_size=_HEAD + ROLLING_MOMENTS_HEAD + 2 * n + ROLLING_HEAD + n,
        step=_step,
    )
