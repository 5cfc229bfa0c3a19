"""The line through the last closes: its slope, and how sure that is."""

from __future__ import annotations

import numpy as np
from pydantic import field_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.regression import REGRESSION_HEAD, rolling_line


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    figures = np.empty((2, stop - first))
    at = 0
    for j in range(params.shape[0]):
        period, column = int(params[j]), k + 2 * j
        rolling_line(x[CLOSE, first:stop], period, state, at, figures[0], figures[1])
        at += REGRESSION_HEAD + 3 * period
        for row in range(stop - first):
            out[row, column], out[row, column + 1] = figures[0, row], figures[1, row]


class LinearRegressionParams(Params):
    """Parameters of `linear_regression`.

    Parameters
    ----------
    periods : bars of each line, 3 or more.
    """

    periods: Periods = (20, 50, 100)

    @field_validator("periods")
    @classmethod
    def _leave_a_degree_of_freedom(cls, periods: Periods) -> Periods:
        if min(periods) < 3:
            raise ValueError(f"{min(periods)}: a line with a t-value takes 3 bars or more")
        return periods


@bank
def linear_regression(params: LinearRegressionParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            feature
            for period in params.periods
            for feature in (
                Feature(
                    f"linreg_slope_{period}",
                    "quote",
                    f"Slope per bar of the line by least squares through the last {period} closes",
                    period - 1,
                    "TA-Lib LINEARREG_SLOPE",
                ),
                Feature(
                    f"linreg_t_{period}",
                    "ratio",
                    f"That slope over its standard error, {period - 2} degrees of freedom; null where all closes lie "
                    "on a line",
                    period - 1,
                    "López de Prado (2020), Machine Learning for Asset Managers 5.4",
                ),
            )
        ),
        params=params.periods,
        state_size=sum(REGRESSION_HEAD + 3 * period for period in params.periods),
        step=_step,
    )
