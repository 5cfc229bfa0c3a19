"""Moving average convergence divergence; a bar whose close is missing is passed over."""

from __future__ import annotations

import numpy as np
from pydantic import model_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE
from tsis.kernels.ema import EMA_STATE, ema


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: closes so far, fast average, slow average (sums until both begin, at the same close), signal
    fast_period, slow_period, signal_period = params[0], params[1], params[2]
    fast_weight, slow_weight = 2.0 / (fast_period + 1.0), 2.0 / (slow_period + 1.0)
    seen, fast, slow = state[0], state[1], state[2]
    for i in range(first, stop):
        close = x[CLOSE, i]
        macd = np.nan
        if not np.isnan(close):
            if seen >= slow_period:
                fast += (close - fast) * fast_weight
                slow += (close - slow) * slow_weight
                macd = fast - slow
            else:
                slow += close
                if seen >= slow_period - fast_period:
                    fast += close
                seen += 1.0
                if seen == slow_period:
                    fast /= fast_period
                    slow /= slow_period
                    macd = fast - slow
        signal = ema(macd, signal_period, state, 3)
        out[i - first, k] = macd
        out[i - first, k + 1] = signal
        out[i - first, k + 2] = macd - signal
    state[0], state[1], state[2] = seen, fast, slow


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
        state_size=3 + EMA_STATE,
        step=_step,
    )
