"""Made-up bars as the feature engine takes them, for tests of families."""

from __future__ import annotations

import numpy as np
from given_rows import streams

from tsis.core.stream import N_GIVEN, NAMES

PLACE = {name: place for place, name in enumerate(NAMES[:N_GIVEN])}
DAY_US = 86_400_000_000
_START_US = 1_577_923_200_000_000  # 2020-01-02


def rows(n, seed, minutes=5):
    """Return (n, `N_GIVEN`) bars of `minutes`, from 08:00 to 22:00 UTC of each day, some left out.

    The session is from 14:30 to 21:00 UTC, on every tenth day to 18:00; later bars belong to the next one.
    """
    random = np.random.default_rng(seed)
    a_day = 14 * 60 // minutes
    chosen = np.sort(random.choice(int(n * 1.1) + 1, n, replace=False))
    day, place = np.divmod(chosen, a_day)
    midnight = _START_US + day * DAY_US
    close_us = midnight + (8 * 60 + (place + 1) * minutes) * 60_000_000
    spread = 1e-3 * np.sqrt(minutes)
    close = 100.0 * np.exp(np.cumsum(random.normal(0, spread, n)))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(random.normal(0, spread / 3, n))
    volume = np.ceil(random.lognormal(6.0, 1.0, n))
    buys = np.floor(volume * random.random(n))
    n_ticks = np.ceil(volume / 20)
    session = midnight // DAY_US
    session_close = midnight + np.where(session % 10 == 0, 18, 21) * 3_600_000_000
    is_late = close_us > session_close + 4 * 3_600_000_000
    values = {
        "ts_open": close_us - minutes * 60_000_000,
        "ts_close": close_us,
        "open": opened,
        "high": np.maximum(opened, close) * np.exp(np.abs(random.normal(0, spread / 3, n))),
        "low": np.minimum(opened, close) * np.exp(-np.abs(random.normal(0, spread / 3, n))),
        "close": close,
        "volume": volume,
        "dollar_volume": volume * close,
        "n_ticks": n_ticks,
        "vwap": (opened + close) / 2,
        "buy_volume": buys,
        "sell_volume": volume - buys,
        "n_buys": np.floor(n_ticks / 2),
        "n_sells": n_ticks - np.floor(n_ticks / 2),
        "session": session + is_late,
        "session_open": midnight + 52_200_000_000 + is_late * DAY_US,
        "session_close": session_close + is_late * DAY_US,
        "is_half_day": session % 10 == 0,
        "float_shares": np.full(n, 1e6),
        "spread_bps": random.gamma(2.0, 1.0, n),
        "bid_size": np.ceil(random.lognormal(3, 1, n)),
        "ask_size": np.ceil(random.lognormal(3, 1, n)),
        "depth_imbalance": random.uniform(-1, 1, n),
        "order_flow": random.normal(0, 100, n),
        "trade_size_entropy": random.uniform(0, 4, n),
    }
    found = np.full((n, N_GIVEN), np.nan)
    for name, column in values.items():
        found[:, PLACE[name]] = column
    return found


def columns(engine, given):
    """Return every output of the engine over the bars `given`, by name."""
    out, _ = engine.fold(streams(given), engine.start())
    return dict(zip(engine.names, out.T, strict=True))


def chunked(engine, given, edges):
    """Return the output of the bars in pieces, with the checkpoint saved as bytes in between."""
    checkpoint, parts = engine.start(), []
    for first, stop in zip([0, *edges], [*edges, len(given)], strict=True):
        out, checkpoint = engine.fold(streams(given[first:stop]), checkpoint)
        parts.append(out.copy())
        checkpoint = np.frombuffer(checkpoint.tobytes()).copy()
    return np.concatenate(parts)
