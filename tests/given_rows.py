"""Made-up bars as the feature engine is given them, on which the contracts of features are tried."""

from __future__ import annotations

import numpy as np

from tsis.core.stream import N_GIVEN, NAMES

_MINUTE_US, _DAY_US = 60_000_000, 86_400_000_000
_FIRST_DAY = 16_000  # 2013-10-22
_MINUTES = {"5m": 5, "1h": 60, "1d": 390}


def streams(rows: np.ndarray) -> np.ndarray:
    """Return bars, one a row as tests write them, as the engine takes them: a stream a row."""
    return np.ascontiguousarray(rows.T)


def given_rows(spacing: str, seed: int, n: int = 1_000) -> np.ndarray:
    """Return (n, N_GIVEN) bars of sessions of 390 minutes, each tenth of 210, on weekdays from 13:30 UTC.

    Prices move by ticks with volatility in clusters, gap between sessions, and now and then not at all; some bars have
    no volume, and some sizes and quotes are missing.
    """
    random = np.random.default_rng([seed, _MINUTES[spacing]])
    columns = {name: np.full(n, np.nan) for name in NAMES[:N_GIVEN]} | _calendar(_MINUTES[spacing], n)
    volatility = 0.002 * np.exp(np.convolve(random.standard_normal(n + 50), np.full(50, 0.15), "valid")[:n])
    moves = np.where(random.random(n) < 0.1, 0.0, volatility * random.standard_t(4, n))
    moves += np.where(np.diff(columns["session"], prepend=0.0) != 0.0, 0.01 * random.standard_normal(n), 0.0)
    close = np.round(100.0 * np.exp(np.cumsum(moves)) * 100.0) / 100.0
    opened = np.round(np.concatenate([close[:1], close[:-1] * np.exp(0.2 * moves[1:])]) * 100.0) / 100.0
    reach = np.round(np.abs(volatility[:, None] * close[:, None] * random.standard_normal((n, 2))) * 100.0) / 100.0
    volume = np.where(random.random(n) < 0.02, 0.0, np.ceil(random.lognormal(6.0, 0.8, n)))
    buys = np.floor(volume * random.random(n))
    vwap = (opened + close) / 2.0
    columns |= {
        "open": opened,
        "high": np.maximum(opened, close) + reach[:, 0],
        "low": np.minimum(opened, close) - reach[:, 1],
        "close": close,
        "volume": volume,
        "dollar_volume": volume * vwap,
        "n_ticks": np.ceil(volume / 10.0),
        "vwap": np.where(volume > 0.0, vwap, np.nan),
        "buy_volume": buys,
        "sell_volume": volume - buys,
        "n_buys": np.ceil(buys / 10.0),
        "n_sells": np.ceil((volume - buys) / 10.0),
        "float_shares": np.full(n, 1e6),
        "spread_bps": 1.0 + 3.0 * random.random(n),
        "bid_size": np.ceil(random.lognormal(3.0, 1.0, n)),
        "ask_size": np.ceil(random.lognormal(3.0, 1.0, n)),
        "depth_imbalance": random.uniform(-1.0, 1.0, n),
        "order_flow": np.round(100.0 * random.standard_normal(n)),
        "trade_size_entropy": 2.0 * random.random(n),
    }
    rows = np.column_stack([columns[name] for name in NAMES[:N_GIVEN]])
    if seed % 2:
        quotes = [NAMES.index(name) for name in ("vwap", "buy_volume", "sell_volume", "spread_bps", "order_flow")]
        missing = random.random((n, len(quotes))) < 0.01
        rows[:, quotes] = np.where(missing, np.nan, rows[:, quotes])
    return np.ascontiguousarray(rows)


def _calendar(minutes: int, n: int) -> dict[str, np.ndarray]:
    day, opened, lines = _FIRST_DAY, 0, []
    while len(lines) < n:
        weekday, is_half_day = (day + 3) % 7, opened % 10 == 9
        if weekday < 5:
            start, length = day * _DAY_US + 810 * _MINUTE_US, 210 if is_half_day else 390
            for minute in range(0, length, minutes):
                end = min(minute + minutes, length)
                opens, closes = start + minute * _MINUTE_US, start + end * _MINUTE_US
                lines.append((opens, closes, day, start, start + length * _MINUTE_US, float(is_half_day)))
            opened += 1
        day += 1
    names = ("ts_open", "ts_close", "session", "session_open", "session_close", "is_half_day")
    return dict(zip(names, np.array(lines[:n], dtype=np.float64).T, strict=True))
