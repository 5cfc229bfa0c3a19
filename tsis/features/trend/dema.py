"""Double exponential moving averages of the close; a bar whose close is missing is passed over."""

from __future__ import annotations

from tsis.core.feature import Bank, Feature, bank
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.ema import SMOOTH_STATE, smooth_params, smooth_rows


class DemaParams(Params):
    """Parameters of `dema`.

    Parameters
    ----------
    periods : of each average; a new value has the weight 2 / (period + 1).
    """

    periods: Periods = (20,)


@bank
def dema(params: DemaParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=tuple(
            Feature(
                f"dema_{period}",
                "quote",
                f"Twice the exponential moving average of period {period}, less the same average of that average",
                2 * (period - 1),
                "Mulloy (1994), TA-Lib DEMA",
            )
            for period in params.periods
        ),
        params=smooth_params(params.periods, 2.0, -1.0),
        state_size=SMOOTH_STATE * len(params.periods),
        step=smooth_rows,
    )
