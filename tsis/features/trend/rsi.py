"""Relative strength index of the close; a bar whose close is missing is passed over."""

from __future__ import annotations

from tsis.core.feature import Bank, Feature, bank
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.rsi import rsi_params, rsi_rows, rsi_size


class RsiParams(Params):
    """Parameters of `rsi`.

    Parameters
    ----------
    periods : of the averages; a new change has the weight 1 / period.
    """

    periods: Periods = (14,)


@bank
def rsi(params: RsiParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"rsi_{period}",
                "points",
                f"Wilder's average gain of period {period} over average gain plus average loss, 0 to 100; null until a "
                "price has changed (TA-Lib: 0)",
                period,
                "Wilder (1978), TA-Lib RSI",
            )
            for period in params.periods
        ),
        params=rsi_params(params.periods),
        state_size=rsi_size(len(params.periods)),
        step=rsi_rows,
    )
