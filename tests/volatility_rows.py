"""Made-up bars as the feature engine takes them, and what it makes of them, by name."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from given_rows import streams

from tsis.core.feature import Array, Bank
from tsis.core.stream import N_GIVEN, NAMES
from tsis.features.engine import Engine

_DAY_US = 86_400e6
_BAR_US = 300e6
_BARS_A_SESSION = 78
_FIRST_DAY = 18_263  # 2020-01-02


def rows(n: int, seed: int = 0) -> Array:
    """Return (n, `N_GIVEN`) rows of five-minute bars, 78 a session from 14:30 UTC, every fifth session a half day.

    Prices move by steps of 0.01, so that some are equal; quotes, depth and trades are there for every bar.
    """
    random = np.random.default_rng(seed)
    session = np.repeat(np.arange(n // 39 + 1), np.where(np.arange(n // 39 + 1) % 5 == 4, 39, _BARS_A_SESSION))[:n]
    begins = np.searchsorted(session, session)
    day = _FIRST_DAY + session + 2 * (session // 5)
    is_half = session % 5 == 4
    session_open = day * _DAY_US + 14.5 * 3600e6
    ts_open = session_open + (np.arange(n) - begins) * _BAR_US
    close = np.round(100.0 * np.exp(np.cumsum(random.normal(0, 0.003, n))), 2)
    opened = np.round(np.concatenate([[100.0], close[:-1]])[:n] * np.exp(random.normal(0, 0.001, n)), 2)
    high = np.maximum(opened, close) + np.round(random.exponential(0.1, n), 2)
    low = np.minimum(opened, close) - np.round(random.exponential(0.1, n), 2)
    volume = np.ceil(random.lognormal(6.0, 1.0, n))
    buys = np.floor(volume * random.random(n))
    n_ticks = np.ceil(volume / 50)
    n_buys = np.floor(n_ticks * random.random(n))
    vwap = (high + low + close) / 3.0
    given = {
        "ts_open": ts_open,
        "ts_close": ts_open + _BAR_US,
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
        "dollar_volume": volume * vwap,
        "n_ticks": n_ticks,
        "vwap": vwap,
        "buy_volume": buys,
        "sell_volume": volume - buys,
        "n_buys": n_buys,
        "n_sells": n_ticks - n_buys,
        "session": day,
        "session_open": session_open,
        "session_close": session_open + np.where(is_half, 39, _BARS_A_SESSION) * _BAR_US,
        "is_half_day": is_half,
        "float_shares": np.full(n, 1e7),
        "spread_bps": np.round(random.exponential(2.0, n), 1),
        "bid_size": np.ceil(random.exponential(300, n)),
        "ask_size": np.ceil(random.exponential(300, n)),
        "depth_imbalance": random.uniform(-1, 1, n),
        "order_flow": np.round(random.normal(0, 500, n)),
        "trade_size_entropy": random.uniform(0, 4, n),
    }
    return np.column_stack([np.asarray(given[name], dtype=np.float64) for name in NAMES[:N_GIVEN]])


def columns(bank: Bank, given: Array) -> dict[str, Array]:
    """Return what `bank` says of the bars `given`, from the beginning of the series, by name."""
    engine = Engine([bank])
    out, _ = engine.fold(streams(given), engine.start())
    return {name: out[:, place] for place, name in enumerate(engine.names)}


def broken_laws(bank: Bank, given: Array, seed: int = 0) -> list[str]:
    """Return how `bank` differs from itself when it is fed in pieces from saved states, and row by row."""
    engine = Engine([bank])
    whole, last = engine.fold(streams(given), engine.start())
    n = len(given)
    cuts = np.sort(np.random.default_rng(seed).integers(0, n + 1, 6)).tolist()
    broken = []
    for way, edges in {"in pieces": [0, *cuts, n], "row by row": list(range(n + 1))}.items():
        checkpoint, parts = engine.start(), []
        for begin, end in pairwise(edges):
            part, checkpoint = engine.fold(streams(given[begin:end]), np.frombuffer(checkpoint.tobytes()))
            parts.append(part)
        if np.concatenate(parts).tobytes() != whole.tobytes():
            broken.append(f"{way}: other values")
        if checkpoint.tobytes() != last.tobytes():
            broken.append(f"{way}: another state")
    return broken
