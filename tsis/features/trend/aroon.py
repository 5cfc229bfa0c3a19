"""Aroon: how long ago the highest and the lowest price of the last bars were."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import HIGH, LOW

_HEAD: Final = 4
"""Besides two numbers a bar and two behind them, what `_ages` remembers."""
_ONE: Final = np.uint64(1)


@jit
def _ages(values: Array, sign: float, n: int, state: Array, at: int, ages: Array) -> None:
    """Write how many values ago the largest (`sign` 1) or smallest (-1) of the last `n` was; of equals the latest.

    As `tsis.kernels.rolling_windows` does for extremes. NaN until there are n values, and while one of them is NaN.
    State: values since the last NaN, place in the block, extreme of the block and its place; the same of each end of
    the block before, one number after the other.
    """
    clean, place, top, top_at = state[at], int(state[at + 1]), state[at + 2], state[at + 3]
    ring, begin, m, size = at + _HEAD, 0, values.shape[0], np.uint64(n + 1)
    while begin < m:
        if place == 0:
            top, top_at, state[ring + n] = -np.inf, 0.0, -np.inf
        end = min(m, begin + n - place)
        here, now = np.uint64(ring + place), float(place)
        for i in range(np.uint64(begin), np.uint64(end)):
            value = sign * values[i]
            clean = 0.0 if np.isnan(value) else clean + 1.0
            is_top = value >= top
            top, top_at = value if is_top else top, now if is_top else top_at
            state[here] = value
            here += _ONE
            place_of_top = top_at if top >= state[here] else state[here + size] - n
            ages[i] = now - place_of_top if clean >= n else np.nan
            now += 1.0
        place += end - begin
        begin = end
        if place == n:
            top, top_at, place = -np.inf, 0.0, 0
            for _ in range(n):
                here -= _ONE
                now -= 1.0
                is_top = state[here] > top
                top, top_at = state[here] if is_top else top, now if is_top else top_at
                state[here], state[here + size] = top, top_at
    state[at], state[at + 1], state[at + 2], state[at + 3] = clean, place, top, top_at


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: of highs, of lows
    n, ages = int(params[0]) + 1, np.empty((2, stop - first))
    scale = 100.0 / params[0]
    _ages(x[HIGH, first:stop], 1.0, n, state, 0, ages[0])
    _ages(x[LOW, first:stop], -1.0, n, state, state.shape[0] // 2, ages[1])
    for row in range(stop - first):
        high_age, low_age = ages[0, row], ages[1, row]
        missing = 0.0 * (high_age + low_age)
        out[row, k] = scale * (params[0] - high_age) + missing
        out[row, k + 1] = scale * (params[0] - low_age) + missing
        out[row, k + 2] = scale * (low_age - high_age)


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
        state_size=2 * (_HEAD + 2 * (n + 2)),
        step=_step,
    )
