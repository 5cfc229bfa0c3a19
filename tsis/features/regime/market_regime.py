"""Market regime: trend up, trend down, range, or undefined, and how volatile it is against its past.

The trend regime follows from the ADX and the order of four EMAs of the close:

- trend up begins where the ADX is `trend_adx` or more and the EMAs fall from the shortest to the longest (5 > 20 > 50 >
  200); trend down, where they rise. It lasts as long as that order does and the ADX is `range_adx` or more.
- range begins where the ADX is below `range_adx`, and lasts while it is below `trend_adx`.
- All else is undefined: a strong ADX with the EMAs in disorder, a trend whose order broke before its ADX fell, the
  warm-up. Undefined is a missing value, not a zero, and a strategy holds back in it.

Between the two thresholds a regime stays what it was, so that it does not flicker.

Strength is 0 to 1: of a trend ADX / 50, of a range 1 - ADX / `trend_adx`, within these bounds.

The volatility regime is the rank of the standard deviation of the last log returns among its own last values: low below
`low_rank`, high above `high_rank`.

A row without prices has no values; ADX and EMAs pass it over and forget a misprint only in time, the volatility is
missing until the row has left its windows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, HIGH, LOG_RETURN, LOW
from tsis.kernels.adx import adx_rows, adx_size
from tsis.kernels.ema import ema_params, ema_rows, ema_size
from tsis.kernels.rolling_windows import ROLLING_MOMENTS_HEAD, rolling_moments

_STRONGEST_ADX: Final = 50.0
_N_EMAS: Final = 4
_EMA_PARAMS: Final = 7
"""Where those of the averages begin in the parameters."""
_HEAD: Final = 4


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: regime, 0 undefined; its bars; place in the ring of volatilities, how many numbers it ends with; ring;
    # averages; window of log returns; ADX
    m, trend_adx, range_adx, window, n_ranks = stop - first, params[1], params[2], int(params[3]), int(params[4])
    ring = state[_HEAD : _HEAD + n_ranks]
    emas_at = _HEAD + n_ranks
    window_at = emas_at + _N_EMAS + 1
    emas, means, squares = np.empty((m, _N_EMAS)), np.empty(m), np.empty(m)
    ema_rows(x, first, stop, params[_EMA_PARAMS:], state[emas_at:window_at], emas, 0)
    rolling_moments(x[LOG_RETURN, first:stop], window, state, window_at, means, squares)
    # the columns hold those of the ADX until their row is written
    adx_rows(x, first, stop, params, state[window_at + ROLLING_MOMENTS_HEAD + 2 * window :], out, k)
    regime, n_bars, place, n_known = state[0], state[1], int(state[2]), state[3]
    for row in range(m):
        i = first + row
        volatility = np.sqrt(squares[row] / (window - 1.0))
        ring[place] = volatility
        place = place + 1 if place + 1 < n_ranks else 0
        n_known = 0.0 if np.isnan(volatility) else n_known + 1.0
        is_there = not np.isnan(x[HIGH, i] + x[LOW, i] + x[CLOSE, i])
        rank = np.nan
        if is_there and n_known >= n_ranks:
            twice = -1
            for value in ring:
                twice += int(value < volatility) + int(value <= volatility)
            rank = 0.5 * twice / (n_ranks - 1.0)
        adx = out[row, k + 3]
        is_known = not np.isnan(adx + emas[row, _N_EMAS - 1])
        if is_known:
            is_up, is_down, before = True, True, regime
            for j in range(1, _N_EMAS):
                is_up = is_up and emas[row, j - 1] > emas[row, j]
                is_down = is_down and emas[row, j - 1] < emas[row, j]
            if is_up and adx >= (range_adx if before == 3.0 else trend_adx):
                regime = 3.0
            elif is_down and adx >= (range_adx if before == 1.0 else trend_adx):
                regime = 1.0
            elif adx < (trend_adx if before == 2.0 else range_adx):
                regime = 2.0
            else:
                regime = 0.0
            n_bars = n_bars + 1.0 if regime == before else 1.0
        is_known = is_known and regime > 0.0
        strength = 1.0 - adx / trend_adx if regime == 2.0 else min(adx / _STRONGEST_ADX, 1.0)
        out[row, k] = regime - 2.0 if is_known else np.nan
        out[row, k + 1] = strength if is_known else np.nan
        out[row, k + 2] = n_bars if is_known else np.nan
        out[row, k + 3] = rank
        out[row, k + 4] = rank if np.isnan(rank) else -1.0 if rank < params[5] else 1.0 if rank > params[6] else 0.0
    state[0], state[1], state[2], state[3] = regime, n_bars, place, n_known


class MarketRegimeParams(Params):
    """Parameters of `market_regime`; those of the stage `regimes` are its own.

    Parameters
    ----------
    adx_period : bars of Wilder's average in the ADX.
    ema_periods : bars of the four EMAs, rising.
    trend_adx : a trend begins with it, and a range ends.
    range_adx : a range begins below it, and a trend ends.
    volatility_bars : log returns in the standard deviation.
    rank_bars : standard deviations that it is ranked among.
    low_rank, high_rank : volatility is low below the one and high above the other.
    """

    adx_period: int = Field(default=14, ge=2)
    ema_periods: tuple[int, int, int, int] = (5, 20, 50, 200)
    trend_adx: float = Field(default=25.0, gt=0, le=100)
    range_adx: float = Field(default=20.0, gt=0, le=100)
    volatility_bars: int = Field(default=20, ge=2)
    rank_bars: int = Field(default=252, ge=2)
    low_rank: float = Field(default=0.25, ge=0, le=1)
    high_rank: float = Field(default=0.75, ge=0, le=1)

    @field_validator("ema_periods")
    @classmethod
    def _rise(cls, periods: tuple[int, ...]) -> tuple[int, ...]:
        if periods[0] < 1 or any(b <= a for a, b in pairwise(periods)):
            raise ValueError("ema_periods must be positive and rise")
        return periods

    @model_validator(mode="after")
    def _are_in_order(self) -> Self:
        if self.range_adx > self.trend_adx or self.low_rank > self.high_rank:
            raise ValueError("range_adx must not be above trend_adx, nor low_rank above high_rank")
        return self


@bank
def market_regime(params: MarketRegimeParams) -> Bank:
    """Return the bank."""
    known = max(2 * params.adx_period, params.ema_periods[3]) - 1
    ranked = params.volatility_bars + params.rank_bars - 1
    emas = " > ".join(str(period) for period in params.ema_periods)
    adx = f"ADX of {params.adx_period}"
    volatility = f"standard deviation of {params.volatility_bars} log returns"
    return Bank(
        inputs=(HIGH, LOW, CLOSE, LOG_RETURN),
        outputs=(
            Feature(
                "trend_regime",
                "code",
                f"1 trend up: {adx} from {params.trend_adx:g} and EMAs {emas}; -1 trend down: likewise reversed; "
                f"0 range: ADX below {params.range_adx:g}; each lasts until the ADX crosses the other threshold or the "
                "order breaks; null where undefined",
                known,
                "Wilder (1978), Murphy (1999)",
            ),
            Feature(
                "regime_strength",
                "frac",
                f"Of a trend ADX / {_STRONGEST_ADX:g}, at most 1; of a range 1 - ADX / {params.trend_adx:g}; null "
                "where trend_regime is",
                known,
                "Wilder (1978)",
            ),
            Feature(
                "regime_bars",
                "bars",
                "Bars of the trend regime so far, this one included",
                known,
                "count of trend_regime",
            ),
            Feature(
                "volatility_rank",
                "frac",
                f"Share of the last {params.rank_bars} values of the {volatility} that are below this one, others that "
                "are equal counting half",
                ranked,
                "percentile rank",
            ),
            Feature(
                "volatility_regime",
                "code",
                f"-1 low: volatility_rank below {params.low_rank:g}; 1 high: above {params.high_rank:g}; else 0",
                ranked,
                "percentile rank",
            ),
        ),
        params=(
            *(params.adx_period, params.trend_adx, params.range_adx, params.volatility_bars, params.rank_bars),
            *(params.low_rank, params.high_rank, *ema_params(params.ema_periods)),
        ),
        state_size=(
            _HEAD
            + params.rank_bars
            + ema_size(_N_EMAS)
            + ROLLING_MOMENTS_HEAD
            + 2 * params.volatility_bars
            + adx_size(params.adx_period)
        ),
        step=_step,
    )
