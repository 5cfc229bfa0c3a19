"""Directional movement: +DI, -DI, DX, ADX and ADXR; a bar with a missing price is passed over."""

from __future__ import annotations

from tsis.core.feature import Bank, Feature, bank
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE, HIGH, LOW
from tsis.kernels.adx import adx_rows, adx_size


class AdxParams(Params):
    """Parameters of `adx`.

    Parameters
    ----------
    period : of the averages; a new move has the weight 1 / period.
    """

    period: Period = 14


@bank
def adx(params: AdxParams) -> Bank:
    """Return the bank."""
    n, wilder = params.period, "Wilder (1978), TA-Lib"
    smoothed = f"smoothed over {n} bars"
    return Bank(
        inputs=(HIGH, LOW, CLOSE),
        outputs=(
            Feature(
                f"plus_di_{n}",
                "points",
                f"Moves of the high beyond the high before, where larger than those of the low, {smoothed}, in percent "
                "of the true range, smoothed alike; null without a range (TA-Lib: 0)",
                n,
                f"{wilder} PLUS_DI",
            ),
            Feature(
                f"minus_di_{n}",
                "points",
                f"Moves of the low beyond the low before, where larger than those of the high, {smoothed}, in percent "
                "of the true range, smoothed alike; null without a range (TA-Lib: 0)",
                n,
                f"{wilder} MINUS_DI",
            ),
            Feature(
                f"dx_{n}",
                "points",
                "Distance of +DI and -DI over their sum, 0 to 100; null where that is 0 (TA-Lib: the value before)",
                n,
                f"{wilder} DX",
            ),
            Feature(
                f"adx_{n}",
                "points",
                f"Wilder's average of DX of period {n}; as before where DX is null",
                2 * n - 1,
                f"{wilder} ADX",
            ),
            Feature(
                f"adxr_{n}",
                "points",
                f"Mean of ADX and that of {n - 1} bars before",
                3 * n - 2,
                f"{wilder} ADXR",
            ),
        ),
        params=(n,),
        state_size=adx_size(n),
        step=adx_rows,
    )
