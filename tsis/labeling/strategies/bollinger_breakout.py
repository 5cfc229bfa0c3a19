"""The side on which the close has left its Bollinger bands."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from tsis.core.jit import jit
from tsis.core.rule_strategy import ENTRY, SIDE, Array, RuleParams, RuleStrategy, Stances
from tsis.kernels.rolling_windows import ROLLING_MOMENTS_HEAD, rolling_moments


class BollingerBreakoutParams(RuleParams):
    """The bands.

    Parameters
    ----------
    window : closes, this one included, of the mean and of the standard deviation (over n).
    width : distance of the bands from the mean, in standard deviations.
    """

    kind: Literal["bollinger_breakout"] = "bollinger_breakout"
    window: int = Field(default=20, ge=2)
    width: float = Field(default=2.0, gt=0)


@jit
def _step(x: Array, numbers: Array, state: Array, out: Stances) -> None:
    # state: side; moments of the window
    n, window, width = x.shape[1], int(numbers[0]), numbers[1]
    means, squares = np.empty(n), np.empty(n)
    rolling_moments(x[0], window, state, 1, means, squares)
    side = state[0]
    for i in range(n):
        above, half, before = x[0, i] - means[i], width * np.sqrt(squares[i] / window), side
        if above > half:
            side = 1.0
        elif above < -half:
            side = -1.0
        elif side * above < 0.0:
            side = 0.0
        out[SIDE, i] = int(side)
        out[ENTRY, i] = int(side != 0.0 and side != before)
    state[0] = side


BOLLINGER_BREAKOUT = RuleStrategy(
    kind="bollinger_breakout",
    description="Long from a close above the upper band, short from one below the lower band, until the close is "
    "beyond the mean",
    source="Bollinger (2001)",
    inputs=("close",),
    params=BollingerBreakoutParams,
    numbers=lambda params: (params.window, params.width),
    initial_state=lambda params: np.zeros(1 + ROLLING_MOMENTS_HEAD + 2 * params.window),
    warm_up_bars=lambda params: params.window - 1,
    step=_step,
)
