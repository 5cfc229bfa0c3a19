"""Moving average convergence divergence; a bar whose close is missing is passed over."""

from __future__ import annotations

from pydantic import model_validator

from tsis.core.feature import Bank, Feature, bank
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE
from tsis.kernels.macd import MACD_STATE, macd_rows


class MacdParams(Params):
    """Parameters of `macd`.

    Parameters
    ----------
    fast, slow : periods of the averages of the close.
    signal : period of the average of their difference.
    """

    fast: Period = 12
    slow: Period = 26
    signal: Period = 9

    @model_validator(mode="after")
    def _fast_is_faster(self) -> MacdParams:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be less than slow ({self.slow})")
        return self


@bank
def macd(params: MacdParams) -> Bank:
    """Return the bank."""
    name = f"macd_{params.fast}_{params.slow}_{params.signal}"
    first, source = params.slow - 1, "Appel (1979), TA-Lib MACD"
    return Bank(
        inputs=(CLOSE,),
        outputs=(
            Feature(
                name,
                "quote",
                f"Exponential moving average of the close of period {params.fast} less that of period {params.slow}, "
                f"both begun at bar {params.slow} as simple means",
                first,
                source,
            ),
            Feature(
                f"{name}_signal",
                "quote",
                f"Exponential moving average of period {params.signal} of that difference",
                first + params.signal - 1,
                source,
            ),
            Feature(f"{name}_hist", "quote", "The difference less its signal", first + params.signal - 1, source),
        ),
        params=(params.fast, params.slow, params.signal),
        state_size=MACD_STATE,
        step=macd_rows,
    )
