"""Directional movement: +DI, -DI, DX, ADX and ADXR; a bar with a missing price is passed over."""

from __future__ import annotations

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE, HIGH, LOW

_HEAD = 10


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars so far, last high, low and close, smoothed moves up, down and range, number of DX so far, their
    # average (a sum until there are enough), place in the ring, ring of averages
    period = params[0]
    weight, length = 1.0 / period, int(period) - 1
    seen, high_before, low_before, close_before = state[0], state[1], state[2], state[3]
    plus, minus, reach, n_dx, average, place = state[4], state[5], state[6], state[7], state[8], int(state[9])
    for i in range(first, stop):
        row, high, low, close = i - first, x[HIGH, i], x[LOW, i], x[CLOSE, i]
        for column in range(k, k + 5):
            out[row, column] = np.nan
        if np.isnan(high + low + close):
            continue
        if seen > 0.0:
            up, down = high - high_before, low_before - low
            true_range = max(high, close_before) - min(low, close_before)
            if seen >= period:
                plus -= plus * weight
                minus -= minus * weight
                reach -= reach * weight
            if down > 0.0 and up < down:
                minus += down
            elif up > 0.0 and up > down:
                plus += up
            reach += true_range
            if seen >= period:
                moves = plus + minus
                if reach > 0.0:
                    out[row, k] = 100.0 * (plus / reach)
                    out[row, k + 1] = 100.0 * (minus / reach)
                has_moved = reach > 0.0 and moves > 0.0
                dx = 100.0 * (abs(plus - minus) / moves) if has_moved else np.nan
                out[row, k + 2] = dx
                if n_dx < period:
                    n_dx += 1.0
                    average += dx if has_moved else 0.0
                    if n_dx == period:
                        average /= period
                elif has_moved:
                    average += (dx - average) * weight
                if n_dx == period:
                    out[row, k + 3] = average
                    if seen >= 3.0 * period - 2.0:
                        out[row, k + 4] = 0.5 * (average + state[_HEAD + place])
                    state[_HEAD + place] = average
                    place = place + 1 if place < length - 1 else 0
        seen += 1.0
        high_before, low_before, close_before = high, low, close
    state[0], state[1], state[2], state[3] = seen, high_before, low_before, close_before
    state[4], state[5], state[6], state[7], state[8], state[9] = plus, minus, reach, n_dx, average, place


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
        state_size=_HEAD + n - 1,
        step=_step,
    )
