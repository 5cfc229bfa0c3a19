"""Minute bars made up by a fixed rule: every machine publishes the same rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from tsis.core.table import spec
from tsis.tables.raw.ohlcv_1m import Ohlcv1m

FIRST_DAY = datetime(2019, 1, 2, 14, 30, tzinfo=UTC)
MINUTES_A_DAY = 390


def minute_bars(n_tickers: int = 100, n_days: int = 257) -> pl.DataFrame:
    """Return rows of raw.ohlcv_1m sorted by key: n_tickers × n_days × 390 (the defaults give 10,023,000).

    Prices are random walks of a seeded generator, in cents, as a vendor quotes them.
    """
    table = spec(Ohlcv1m)
    calendar = [FIRST_DAY + timedelta(days=i) for i in range(n_days * 7 // 5 + 3)]
    days = np.array([day.replace(tzinfo=None) for day in calendar if day.weekday() < 5][:n_days], "datetime64[us]")
    minute = np.timedelta64(60_000_000, "us")
    ts = (days[:, None] + np.arange(MINUTES_A_DAY) * minute).ravel()
    n = len(ts)
    frames = []
    for i in range(n_tickers):
        random = np.random.default_rng(i)
        close = np.round(5_000.0 + 50.0 * i + np.cumsum(random.standard_normal(n)).clip(-4_000, None), 0)
        opened = np.concatenate([close[:1], close[:-1]])
        reach = random.integers(0, 4, (2, n))
        volume = random.geometric(0.002, n).astype(float)
        frames.append(
            pl.DataFrame(
                {
                    "ts": ts,
                    "open": opened / 100,
                    "high": (np.maximum(opened, close) + reach[0]) / 100,
                    "low": (np.minimum(opened, close) - reach[1]) / 100,
                    "close": close / 100,
                    "volume": volume,
                    "n_trades": random.poisson(40, n).astype(np.int64),
                }
            ).with_columns(ticker=pl.lit(f"T{i:03d}"))
        )
    end = pl.col("ts") + timedelta(minutes=1)
    return (
        pl.concat(frames)
        .with_columns(pl.col("ts").dt.replace_time_zone("UTC"))
        .with_columns(
            ts_close=end,
            vwap=(pl.col("open") + pl.col("close")) / 2,
            source=pl.lit("made_up"),
            is_synthetic=pl.lit(value=True),
            is_deleted=pl.lit(value=False),
            known_at=end,
        )
        .select(pl.col(name).cast(dtype) for name, dtype in table.polars_schema.items())
        .rechunk()
    )
