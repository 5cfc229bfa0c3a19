"""Exponential moving averages of the close; a bar whose close is missing is passed over."""

from __future__ import annotations

from tsis.core.feature import Bank, Feature, bank
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.ema import ema_params, ema_rows, ema_size


class EmaParams(Params):
    """Parameters of `ema`.

    Parameters
    ----------
    periods : of each average; a new close has the weight 2 / (period + 1).
    """

    periods: Periods = (5, 9, 20, 50, 200)


@bank
def ema(params: EmaParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"ema_{period}",
                "quote",
                f"Exponential moving average of the close: 2/{period + 1} of it and the rest of the average before, "
                f"which begins as the mean of {period} closes",
                period - 1,
                "TA-Lib EMA",
            )
            for period in params.periods
        ),
        params=ema_params(params.periods),
        state_size=ema_size(len(params.periods)),
        step=ema_rows,
    )
