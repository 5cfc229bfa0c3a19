"""Average true range: how far prices reach in a bar, the gap from the close before included.

A bar without a true range, such as the first, has no value and leaves the average as it is.
"""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Lags
from tsis.core.stream import CLOSE, HIGH, LOW, TRUE_RANGE


class AtrParams(Params):
    """Parameters of `atr`.

    Parameters
    ----------
    periods : of Wilder's averages, in bars.
    """

    periods: Lags = (14,)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # params: periods, one over each; state: true ranges so far, then an average a period, a sum until it is full
    m, count = params.shape[0] // 2, state[0]
    for i in range(first, stop):
        true_range, close = x[TRUE_RANGE, i], x[CLOSE, i]
        is_missing = np.isnan(true_range + (x[HIGH, i] + x[LOW, i] + close))
        count += 0.0 if is_missing else 1.0
        for j in range(m):
            period, average = params[j], state[1 + j]
            if not is_missing:
                if count > period:
                    average += (true_range - average) * params[m + j]
                else:
                    average += true_range
                    if count == period:
                        average /= period
                state[1 + j] = average
            value = average if count >= period and not is_missing else np.nan
            out[i - first, k + 2 * j] = value
            out[i - first, k + 2 * j + 1] = value / close
    state[0] = count


@bank
def atr(params: AtrParams) -> Bank:
    """Return the bank: for each period the average true range, and that over the close."""
    return Bank(
        inputs=(HIGH, LOW, CLOSE, TRUE_RANGE),
        outputs=tuple(output for period in params.periods for output in _outputs(period)),
        params=(*params.periods, *(1.0 / period for period in params.periods)),
        state_size=1 + len(params.periods),
        step=_step,
    )


def _outputs(period: int) -> tuple[Feature, Feature]:
    return (
        Feature(
            f"atr_{period}",
            "quote",
            f"Wilder's average over {period} bars of the true range: the larger of high and the close before, less the "
            f"smaller of low and the close before; begins with the mean of the first {period}",
            period,
            "Wilder (1978), TA-Lib ATR",
        ),
        Feature(
            f"atr_frac_{period}",
            "frac",
            f"atr_{period} over the close",
            period,
            "TA-Lib NATR, over 100",
        ),
    )
