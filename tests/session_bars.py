"""Made-up hourly bars in sessions of seven, with gaps over night, on which rule strategies are tried."""

from __future__ import annotations

import numpy as np

_HOUR_US = 3_600_000_000


def session_bars(seed: int, n: int) -> dict[str, np.ndarray]:
    """Return columns of `n` bars, one session a day, by name; `target` is a volatility, NaN on the first 20 bars.

    Prices are in ticks of 0.01. A stretch is flat, a print is far out of line, and some nights open far from the close.
    """
    random = np.random.default_rng([seed, 77])
    day, hour = np.divmod(np.arange(n), 7)
    ts_open = 1_704_205_800_000_000 + day * 24 * _HOUR_US + hour * _HOUR_US
    step = random.normal(0, 0.006, n)
    step[n // 3 : n // 3 + 25] = 0.0
    step[n // 2] += 0.2
    step[n // 2 + 1] -= 0.2
    night = np.where((hour == 0) & (random.random(n) < 0.5), random.normal(0, 0.03, n), 0.0)
    night[n // 3 : n // 3 + 25] = 0.0
    close = 100.0 * np.exp(np.cumsum(step + night))
    open_ = np.concatenate(([100.0], close[:-1])) * np.exp(night)
    reach = np.abs(random.normal(0, 0.003, (2, n)))
    reach[:, n // 3 : n // 3 + 25] = 0.0
    prices = {
        "open": open_,
        "high": np.maximum(open_, close) * (1 + reach[0]),
        "low": np.minimum(open_, close) * (1 - reach[1]),
        "close": close,
    }
    target = 0.006 * np.exp(0.3 * random.standard_normal(n))
    target[:20] = np.nan
    return {
        "ts_open": ts_open.astype(np.float64),
        "ts_close": (ts_open + _HOUR_US).astype(np.float64),
        **{name: np.round(values, 2) for name, values in prices.items()},
        "volume": np.ceil(random.lognormal(4.0, 1.0, n)),
        "target": target,
    }
