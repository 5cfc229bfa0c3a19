"""Made-up streams on which the contracts of kernels are tried: one row a trade, or one a bar, by name of the stream."""

from __future__ import annotations

import numpy as np

_START_US = 1_378_072_800_000_000  # 2013-09-01 22:00 UTC, the opening of a futures week
_DAY_US = 86_400_000_000
_TICK = 0.25


def streams(seed: int, n: int) -> dict[str, np.ndarray]:
    """Return `n` rows of every stream.

    Times have ties and pauses, among them nights; prices move by ticks and often not at all, with a jump now and then;
    sizes are skewed. `log_return` is NaN at first, `threshold` and `target` in a warm-up, and where the seed is odd all
    three now and then in mid-stream.
    """
    random = [np.random.default_rng([seed, stream]) for stream in range(8)]
    gap_us = np.where(random[0].random(n) < 0.3, 0, random[0].exponential(20e6, n)).astype(np.int64)
    gap_us += np.where(random[1].random(n) < 0.01, _DAY_US // 2, 0)
    ts_us = _START_US + np.cumsum(gap_us)
    is_first = np.diff(ts_us, prepend=0) != 0
    rows = np.arange(n)
    moves = random[2].integers(-2, 3, n) * (random[2].random(n) < 0.6)
    moves = moves + np.where(random[3].random(n) < 0.005, 40 * random[3].choice([-1, 1], n), 0)
    price = _TICK * np.maximum(4 * 400 + np.cumsum(moves), 4 * 50)
    spread = _TICK * random[4].integers(0, 3, (n, 2))
    reach = _TICK * random[5].integers(0, 6, (n, 2))
    open_ = np.concatenate([price[:1], price[:-1]])
    log_return = np.diff(np.log(price), prepend=np.nan)
    volatility = 1e-3 * np.exp(0.3 * random[6].standard_normal(n))
    threshold = np.where(rows < 30, np.nan, 2.0 * volatility)
    target = np.where(rows < 20, np.nan, volatility)
    if seed % 2:
        for column, values in enumerate((log_return, threshold, target)):
            values[np.random.default_rng([seed, 8, column]).random(n) < 0.02] = np.nan
    return {
        "ts_us": ts_us,
        "seq": rows - np.maximum.accumulate(np.where(is_first, rows, 0)),
        "price": price,
        "size": np.ceil(np.random.default_rng([seed, 11]).pareto(1.5, n) * 3.0) + 1.0,
        "side": random[7].integers(-1, 2, n).astype(np.int8),
        "bid": price - spread[:, 0],
        "ask": price + spread[:, 1] * (1 - (spread[:, 0] > 0)) + _TICK * (spread[:, 0] == 0),
        "open": open_,
        "high": np.maximum(open_, price) + reach[:, 0],
        "low": np.minimum(open_, price) - reach[:, 1],
        "close": price,
        "volume": np.ceil(np.random.default_rng([seed, 12]).lognormal(4.0, 1.0, n)),
        "log_return": log_return,
        "threshold": threshold,
        "target": target,
    }
