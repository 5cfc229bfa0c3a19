"""Volume-weighted average price of the session so far and of the last bars, and the close's distance from each.

A bar enters with its own volume-weighted price where it has one, else with its typical price, (high + low + close) / 3.
A bar without a price or volume is passed over by the session's average and missing in its row; those over bars are
missing until it has left.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import field_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, SESSION, TYPICAL_PRICE, VOLUME, VWAP
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_HEAD: Final = 3


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: session, its sum of price times volume, its volume; then windows of both for each period
    session, money, units = state[0], state[1], state[2]
    values, sums = np.empty((2, stop - first)), np.empty((2, stop - first))
    for i in range(first, stop):
        row = i - first
        close, volume, date, price = x[CLOSE, i], x[VOLUME, i], x[SESSION, i], x[VWAP, i]
        if np.isnan(price):
            price = x[TYPICAL_PRICE, i]
        paid = price * volume
        values[0, row] = paid
        values[1, row] = volume + 0.0 * paid
        if date != session and not np.isnan(date):
            session, money, units = date, 0.0, 0.0
        average = np.nan
        if not np.isnan(paid + date):
            money += paid
            units += volume
            average = money / units if units > 0.0 else np.nan
        out[row, k] = average
        out[row, k + 1] = close / average - 1.0
    at, column = _HEAD, k + 2
    for j in range(params.shape[0]):
        n = int(params[j])
        for w in range(2):
            rolling_sum(values[w], n, state, at, sums[w])
            at += ROLLING_HEAD + n
        for row in range(stop - first):
            average = sums[0, row] / sums[1, row] if sums[1, row] > 0.0 else np.nan
            out[row, column] = average
            out[row, column + 1] = x[CLOSE, first + row] / average - 1.0
        column += 2
    state[0], state[1], state[2] = session, money, units


class VwapParams(Params):
    """Parameters of `vwap`.

    Parameters
    ----------
    periods : bars of each rolling average.
    """

    periods: tuple[int, ...] = (20,)

    @field_validator("periods")
    @classmethod
    def _are_periods(cls, periods: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(periods)) < len(periods) or min(periods, default=2) < 2:
            raise ValueError(f"{periods} are no periods; give different whole numbers of bars, 2 or more")
        return periods


@bank
def vwap(params: VwapParams) -> Bank:
    """Return the bank; null where nothing was traded."""
    source = "Berkowitz, Logue and Noser (1988)"
    outputs = [
        Feature(
            "session_vwap",
            "quote",
            "Volume-weighted average price of the session's bars so far, pre-market included; begins anew with each "
            "session",
            0,
            source,
        ),
        Feature("session_vwap_distance", "frac", "Close over session_vwap, less 1", 0, source),
    ]
    for n in params.periods:
        outputs += [
            Feature(f"vwap_{n}", "quote", f"Volume-weighted average price of the last {n} bars", n - 1, source),
            Feature(f"vwap_distance_{n}", "frac", f"Close over vwap_{n}, less 1", n - 1, source),
        ]
    return Bank(
        inputs=(SESSION, CLOSE, VOLUME, VWAP, TYPICAL_PRICE),
        outputs=tuple(outputs),
        params=tuple(float(n) for n in params.periods),
        state_size=_HEAD + sum(2 * (ROLLING_HEAD + n) for n in params.periods),
        step=_step,
    )
