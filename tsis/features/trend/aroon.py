"""Aroon: how long ago the highest and the lowest price of the last bars were."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import HIGH, LOW


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars without a missing price up to period + 1, bars since the highest high, since the lowest low
    period = int(params[0])
    scale = 100.0 / period
    clean, high_age, low_age = int(state[0]), int(state[1]), int(state[2])
    for i in range(first, stop):
        row, high, low = i - first, x[HIGH, i], x[LOW, i]
        if np.isnan(high + low):
            clean = 0
            out[row, k], out[row, k + 1], out[row, k + 2] = np.nan, np.nan, np.nan
            continue
        if clean == 0:
            high_age, low_age = 0, 0
        else:
            high_age, low_age = high_age + 1, low_age + 1
        # of equals the latest counts; where the extreme has left the window it is sought anew
        if high >= x[HIGH, i - high_age]:
            high_age = 0
        elif high_age > period:
            high_age = 0
            for age in range(1, period + 1):
                if x[HIGH, i - age] > x[HIGH, i - high_age]:
                    high_age = age
        if low <= x[LOW, i - low_age]:
            low_age = 0
        elif low_age > period:
            low_age = 0
            for age in range(1, period + 1):
                if x[LOW, i - age] < x[LOW, i - low_age]:
                    low_age = age
        if clean <= period:
            clean += 1
        if clean > period:
            out[row, k] = scale * (period - high_age)
            out[row, k + 1] = scale * (period - low_age)
            out[row, k + 2] = scale * (low_age - high_age)
        else:
            out[row, k], out[row, k + 1], out[row, k + 2] = np.nan, np.nan, np.nan
    state[0], state[1], state[2] = clean, high_age, low_age


class AroonParams(Params):
    """Parameters of `aroon`.

    Parameters
    ----------
    period : bars to look back.
    """

    period: Period = 25


@bank
def aroon(params: AroonParams) -> Bank:
    """Return the bank."""
    n, source = params.period, "Chande (1995), TA-Lib"
    return Bank(
        inputs=(HIGH, LOW),
        outputs=(
            Feature(
                f"aroon_{n}_up",
                "points",
                f"100 where the bar has the highest high of the last {n + 1}, 0 where it is {n} bars old; of "
                "equals the latest counts",
                n,
                f"{source} AROON",
            ),
            Feature(
                f"aroon_{n}_down",
                "points",
                f"100 where the bar has the lowest low of the last {n + 1}, 0 where it is {n} bars old; of equals the "
                "latest counts",
                n,
                f"{source} AROON",
            ),
            Feature(f"aroon_{n}_oscillator", "points", "Aroon up less Aroon down", n, f"{source} AROONOSC"),
        ),
        params=(n,),
        state_size=3,
        step=_step,
        lookback=n + 1,
    )
