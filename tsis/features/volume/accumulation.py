"""Volume added up with the sign of its day: on-balance volume, accumulation/distribution line, Chaikin oscillator.

OBV and the A/D line are sums from the series' first bar on: their level says nothing, their changes do. They are added
up with compensation (Neumaier 1974), so that they do not drift. A bar without a price or volume is passed over and
missing in its row; OBV compares the next close with the last one known. A misprint stays in both sums for ever, as
their definition has it; the oscillator forgets it.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, HIGH, LOW, VOLUME

_N, _BEFORE, _BALANCE, _BALANCE_REST, _LINE, _LINE_REST, _FAST, _SLOW, _SIZE = range(9)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: bars so far, last close, two sums with what rounding took, distances of two averages from the line
    n, before = state[_N], state[_BEFORE]
    balance, balance_rest, line, line_rest = state[_BALANCE], state[_BALANCE_REST], state[_LINE], state[_LINE_REST]
    fast, slow = state[_FAST], state[_SLOW]
    keep_fast, keep_slow = 1.0 - 2.0 / (params[0] + 1.0), 1.0 - 2.0 / (params[1] + 1.0)
    warm = max(params[0], params[1])
    for i in range(first, stop):
        row = i - first
        high, low, close, volume = x[HIGH, i], x[LOW, i], x[CLOSE, i], x[VOLUME, i]
        if np.isnan(high + low + close + volume):
            out[row, k], out[row, k + 1], out[row, k + 2] = np.nan, np.nan, np.nan
            continue
        n += 1.0
        signed = volume if n == 1.0 or close > before else -volume if close < before else 0.0
        before = close
        after = balance + signed
        balance_rest += (balance - after) + signed if abs(balance) >= abs(signed) else (signed - after) + balance
        balance = after
        flow = ((close - low) - (high - close)) / (high - low) * volume if high > low else 0.0
        after = line + flow
        line_rest += (line - after) + flow if abs(line) >= abs(flow) else (flow - after) + line
        line = after
        if n > 1.0:
            # an average's distance from the line needs the line's change alone: nothing large cancels
            fast, slow = keep_fast * (fast - flow), keep_slow * (slow - flow)
        out[row, k], out[row, k + 1] = balance + balance_rest, line + line_rest
        out[row, k + 2] = fast - slow if n >= warm else np.nan
    state[_N], state[_BEFORE] = n, before
    state[_BALANCE], state[_BALANCE_REST], state[_LINE], state[_LINE_REST] = balance, balance_rest, line, line_rest
    state[_FAST], state[_SLOW] = fast, slow


class AccumulationParams(Params):
    """Parameters of `accumulation`.

    Parameters
    ----------
    fast, slow : bars of the two averages of the Chaikin oscillator.
    """

    fast: int = Field(default=3, ge=2)
    slow: int = Field(default=10, ge=2)

    @model_validator(mode="after")
    def _differ(self) -> AccumulationParams:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) is not shorter than slow ({self.slow}); swap them")
        return self


@bank
def accumulation(params: AccumulationParams) -> Bank:
    """Return the bank."""
    return Bank(
        inputs=(HIGH, LOW, CLOSE, VOLUME),
        outputs=(
            Feature(
                "obv",
                "units",
                "On-balance volume: volume of bars that close higher than the one before, less that of those that "
                "close lower, from the series' first bar on, which counts as higher",
                0,
                "Granville (1963), TA-Lib OBV",
            ),
            Feature(
                "ad_line",
                "units",
                "Accumulation/distribution line: volume times the close's place in the bar, from -1 at the low to 1 at "
                "the high and 0 where they are equal, added up from the series' first bar on",
                0,
                "Chaikin, TA-Lib AD",
            ),
            Feature(
                f"adosc_{params.fast}_{params.slow}",
                "units",
                f"Chaikin oscillator: exponential average of ad_line over {params.fast} bars less that over "
                f"{params.slow}, both begun at the first bar",
                params.slow - 1,
                "Chaikin, TA-Lib ADOSC",
            ),
        ),
        params=(params.fast, params.slow),
        state_size=_SIZE,
        step=_step,
    )
