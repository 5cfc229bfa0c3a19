"""Volume-weighted average price of the session so far and of the last bars, and the close's distance from each.

A bar enters with its own volume-weighted price where it has one, else with its typical price, (high + low + close) / 3.
A bar without a price or volume is passed over by the session's average and missing in its row; those over bars are
missing until it has left.
"""

from __future__ import annotations

import numpy as np
from pydantic import field_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, HIGH, LOW, SESSION, TYPICAL_PRICE, VOLUME, VWAP
from tsis.kernels.window_ratio import RATIO_HEAD, window_ratio

_SESSION, _MONEY, _UNITS, _HEAD = range(4)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: session, its sum of price times volume, its volume; then a window a period
    session, money, units = state[_SESSION], state[_MONEY], state[_UNITS]
    for i in range(first, stop):
        row = i - first
        close, volume = x[CLOSE, i], x[VOLUME, i]
        price = x[VWAP, i]
        if np.isnan(price):
            price = x[TYPICAL_PRICE, i]
        paid = price * volume
        if x[SESSION, i] != session and not np.isnan(x[SESSION, i]):
            session, money, units = x[SESSION, i], 0.0, 0.0
        average = np.nan
        if not np.isnan(paid + x[SESSION, i]):
            money += paid
            units += volume
            average = money / units if units > 0.0 else np.nan
        out[row, k], out[row, k + 1] = average, close / average - 1.0
        at = _HEAD
        for j in range(params.shape[0]):
            n = int(params[j])
            average = window_ratio(paid, volume + 0.0 * paid, n, state, at)
            out[row, k + 2 + 2 * j] = average
            out[row, k + 3 + 2 * j] = close / average - 1.0
            at += RATIO_HEAD + 2 * n
    state[_SESSION], state[_MONEY], state[_UNITS] = session, money, units


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
        inputs=(SESSION, HIGH, LOW, CLOSE, VOLUME, VWAP),
        outputs=tuple(outputs),
        params=tuple(float(n) for n in params.periods),
        state_size=_HEAD + sum(RATIO_HEAD + 2 * n for n in params.periods),
        step=_step,
    )
