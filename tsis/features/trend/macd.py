"""Moving average convergence divergence; a bar whose close is missing is passed over."""

from __future__ import annotations

import numpy as np
from pydantic import model_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: closes so far, fast average, slow average (sums until both begin, at the same close), signal (likewise)
    fast_period, slow_period, signal_period = params[0], params[1], params[2]
    fast_weight, slow_weight = 2.0 / (fast_period + 1.0), 2.0 / (slow_period + 1.0)
    signal_weight, warm = 2.0 / (signal_period + 1.0), slow_period + signal_period - 1.0
    seen, fast, slow, signal = state[0], state[1], state[2], state[3]
    for i in range(first, stop):
        row, close = i - first, x[CLOSE, i]
        if np.isnan(close):
            out[row, k], out[row, k + 1], out[row, k + 2] = np.nan, np.nan, np.nan
            continue
        seen += 1.0
        if seen > warm:
            fast += (close - fast) * fast_weight
            slow += (close - slow) * slow_weight
            macd = fast - slow
            signal += (macd - signal) * signal_weight
            out[row, k], out[row, k + 1], out[row, k + 2] = macd, signal, macd - signal
            continue
        if seen > slow_period:
            fast += (close - fast) * fast_weight
            slow += (close - slow) * slow_weight
        else:
            slow += close
            if seen > slow_period - fast_period:
                fast += close
            if seen == slow_period:
                fast /= fast_period
                slow /= slow_period
        macd = fast - slow if seen >= slow_period else np.nan
        if seen >= slow_period:
            signal += macd
            if seen == warm:
                signal /= signal_period
        out[row, k] = macd
        out[row, k + 1] = signal if seen == warm else np.nan
        out[row, k + 2] = macd - signal if seen == warm else np.nan
    state[0], state[1], state[2], state[3] = seen, fast, slow, signal


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
        state_size=4,
        step=_step,
    )
