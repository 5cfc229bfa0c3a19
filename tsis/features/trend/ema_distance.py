"""Distance of the close from its exponential moving averages; a bar whose close is missing is passed over."""

from __future__ import annotations

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.ema import ema_params, ema_rows, ema_size


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    ema_rows(x, first, stop, params, state, out, k)
    for i in range(first, stop):
        for j in range(k, k + state.shape[0] - 1):
            out[i - first, j] = x[CLOSE, i] / out[i - first, j] - 1.0


class EmaDistanceParams(Params):
    """Parameters of `ema_distance`.

    Parameters
    ----------
    periods : of each average; a new close has the weight 2 / (period + 1).
    """

    periods: Periods = (10, 20, 50, 100)


@bank
def ema_distance(params: EmaDistanceParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"ema_distance_{period}",
                "frac",
                f"Close over its exponential moving average of period {period}, less 1",
                period - 1,
                "TA-Lib EMA",
            )
            for period in params.periods
        ),
        params=ema_params(params.periods),
        state_size=ema_size(len(params.periods)),
        step=_step,
    )
