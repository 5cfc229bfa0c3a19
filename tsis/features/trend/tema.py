"""Triple exponential moving averages of the close; a bar whose close is missing is passed over."""

from __future__ import annotations

from tsis.core.feature import Bank, Feature, bank
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE
from tsis.kernels.ema import SMOOTH_STATE, smooth_params, smooth_rows


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
        params=smooth_params(params.periods, 3.0, -3.0, 1.0),
        state_size=SMOOTH_STATE * len(params.periods),
        step=smooth_rows,
    )
