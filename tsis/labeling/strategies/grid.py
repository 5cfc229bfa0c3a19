"""The side back to where a grid of prices was laid."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tsis.core.jit import jit
from tsis.core.rule_strategy import ENTRY, SIDE, Array, RuleParams, RuleStrategy, Stances


class GridParams(RuleParams):
    """The lines of the grid; give one of the two distances.

    Parameters
    ----------
    multiple : distance of the lines as a log return, in multiples of the volatility per bar where the grid is laid.
    step_frac : fixed.
    n_lines : above and below the price at which it is laid; beyond the last one it is given up and laid anew.
    """

    kind: Literal["grid"] = "grid"
    multiple: float | None = Field(default=None, gt=0)
    step_frac: float | None = Field(default=None, gt=0)
    n_lines: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _one_distance(self) -> Self:
        if (self.multiple is None) == (self.step_frac is None):
            raise ValueError("grid takes one distance of its lines: give multiple, or step_frac")
        return self


@jit
def _step(x: Array, numbers: Array, state: Array, out: Stances) -> None:
    # state: price at which the grid was laid, NaN where it is not; distance of the lines; outermost line that the price
    # has reached since it was there last, above 0 upwards
    multiple, fixed, n_lines = numbers[0], numbers[1], numbers[2]
    laid_at, distance, held = state[0], state[1], state[2]
    for i in range(x.shape[1]):
        close, entry = x[0, i], False
        away = np.log(close / laid_at) / distance
        line = np.floor(abs(away)) if away > 0.0 else -np.floor(abs(away))
        if np.isnan(laid_at) or abs(line) > n_lines:
            distance, held = multiple * x[1, i] if multiple > 0.0 else fixed, 0.0
            laid_at = close if distance > 0.0 else np.nan
        elif not np.isnan(close):
            if held * away <= 0.0:
                held = 0.0
            if abs(line) > abs(held):
                held, entry = line, True
        out[SIDE, i] = int(held < 0.0) - int(held > 0.0)
        out[ENTRY, i] = int(entry)
    state[0], state[1], state[2] = laid_at, distance, held


GRID = RuleStrategy(
    kind="grid",
    description="Against the move, from each line further away that the close reaches, until it is back where the grid "
    "was laid or beyond the last line",
    source="Grid trading: limit orders at equal distances about a price",
    inputs=("close", "target"),
    params=GridParams,
    numbers=lambda params: (params.multiple or 0.0, params.step_frac or np.nan, params.n_lines),
    initial_state=lambda _: np.array([np.nan, np.nan, 0.0]),
    warm_up_bars=lambda _: 1,
    step=_step,
)
