"""Simple moving averages of the close."""

from __future__ import annotations

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.window_rows import ROWS_HEAD, mean_rows


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    at = 0
    for j in range(params.shape[0]):
        period = int(params[j])
        for i in range(first, stop):
            out[i - first, k + j] = x[CLOSE, i]
        mean_rows(out, k + j, period, state, at)
        at += ROWS_HEAD + period


class SmaParams(Params):
    """Parameters of `sma`.

    Parameters
    ----------
    periods : bars of each average.
    """

    periods: Periods = (10, 20, 50, 200)


@bank
def sma(params: SmaParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"sma_{period}",
                "quote",
                f"Mean close of the last {period} bars; null where one is missing",
                period - 1,
                "TA-Lib SMA",
            )
            for period in params.periods
        ),
        params=params.periods,
        state_size=sum(ROWS_HEAD + period for period in params.periods),
        step=_step,
    )
