"""Bars to try feature banks on, as the engine reads them, and what it says of them by name."""

from __future__ import annotations

import numpy as np
from given_rows import streams

from tsis.core import stream
from tsis.core.stream import N_GIVEN

_DAY_US = 86_400_000_000
_MINUTE_US = 60_000_000
_START_DAY = 18_263  # 2020-01-02
_BARS_A_SESSION, _MISSING = 390, 60


def rows(n: int, seed: int, tick: float = 0.01) -> np.ndarray:
    """Return (n, `N_GIVEN`) minute bars of sessions from 14:30 to 21:00 UTC, every tenth an hour shorter.

    Prices walk by ticks, from 10,000 of them, with bars that do not move and a jump now and then; no stream is missing.
    """
    random = np.random.default_rng([seed, 77])
    steps = np.round(random.normal(0.0, 6.0, n)) * (random.random(n) > 0.15)
    steps += np.where(random.random(n) < 0.005, random.choice([-60, 60], n), 0)
    close = tick * np.maximum(10_000.0 + np.cumsum(steps), 500.0)
    open_ = np.concatenate([close[:1], close[:-1]])
    reach = tick * random.integers(0, 9, (2, n)) * (random.random((2, n)) > 0.2)
    volume = np.ceil(random.lognormal(5.0, 1.0, n))
    buys = np.floor(volume * random.random(n))
    ticks = np.ceil(volume / 20.0)
    round_, place = np.divmod(np.arange(n), 10 * _BARS_A_SESSION - _MISSING)
    day, place = 10 * round_ + place // _BARS_A_SESSION, place % _BARS_A_SESSION
    is_half_day = day % 10 == 9
    opening = (_START_DAY + day) * float(_DAY_US) + 870 * _MINUTE_US
    x = np.full((n, N_GIVEN), np.nan)
    x[:, stream.TS_OPEN] = opening + place * _MINUTE_US
    x[:, stream.TS_CLOSE] = opening + (place + 1) * _MINUTE_US
    x[:, stream.OPEN], x[:, stream.CLOSE] = open_, close
    x[:, stream.HIGH] = np.maximum(open_, close) + reach[0]
    x[:, stream.LOW] = np.minimum(open_, close) - reach[1]
    x[:, stream.VOLUME], x[:, stream.N_TICKS] = volume, ticks
    x[:, stream.VWAP] = x[:, [stream.OPEN, stream.HIGH, stream.LOW, stream.CLOSE]].mean(axis=1)
    x[:, stream.DOLLAR_VOLUME] = volume * x[:, stream.VWAP]
    x[:, stream.BUY_VOLUME], x[:, stream.SELL_VOLUME] = buys, volume - buys
    x[:, stream.N_BUYS] = np.floor(ticks * random.random(n))
    x[:, stream.N_SELLS] = ticks - x[:, stream.N_BUYS]
    x[:, stream.SESSION] = _START_DAY + day
    x[:, stream.SESSION_OPEN] = opening
    x[:, stream.SESSION_CLOSE] = (
        opening + np.where(is_half_day, _BARS_A_SESSION - _MISSING, _BARS_A_SESSION) * _MINUTE_US
    )
    x[:, stream.IS_HALF_DAY] = is_half_day
    x[:, stream.FLOAT_SHARES] = 2e6
    x[:, stream.SPREAD_BPS] = random.uniform(1.0, 5.0, n)
    sizes = np.ceil(random.lognormal(3.0, 0.7, (2, n)))
    x[:, stream.BID_SIZE], x[:, stream.ASK_SIZE] = sizes
    x[:, stream.DEPTH_IMBALANCE] = (sizes[0] - sizes[1]) / sizes.sum(axis=0)
    x[:, stream.ORDER_FLOW] = random.normal(0.0, 50.0, n)
    x[:, stream.TRADE_SIZE_ENTROPY] = random.uniform(0.5, 3.0, n)
    return x


def columns(engine, given: np.ndarray) -> dict[str, np.ndarray]:
    """Return what `engine` says of `given` from the first bar on, by name of the output."""
    out, _ = engine.fold(streams(given), engine.start())
    return dict(zip(engine.names, np.ascontiguousarray(out.T), strict=True))
