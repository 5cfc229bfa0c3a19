"""Triple exponential moving averages of the close; a bar whose close is missing is passed over."""

from __future__ import annotations

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.ema import EMA_STATE, ema


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    for j in range(params.shape[0]):
        period, at = params[j], 3 * EMA_STATE * j
        for i in range(first, stop):
            once = ema(x[CLOSE, i], period, state, at)
            twice = ema(once, period, state, at + EMA_STATE)
            thrice = ema(twice, period, state, at + 2 * EMA_STATE)
            out[i - first, k + j] = 3.0 * once - 3.0 * twice + thrice


class TemaParams(Params):
    """Parameters of `tema`.

    Parameters
    ----------
    periods : of each average; a new value has the weight 2 / (period + 1).
    """

    periods: Periods = (20,)


@bank
def tema(params: TemaParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"tema_{period}",
                "quote",
                f"Three times the exponential moving average of period {period}, less three times the average of that "
                "average, and once the average of the latter",
                3 * (period - 1),
                "Mulloy (1994), TA-Lib TEMA",
            )
            for period in params.periods
        ),
        params=params.periods,
        state_size=3 * EMA_STATE * len(params.periods),
        step=_step,
    )
