"""Bars and instruments for the tests of labels."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tsis.core.table import spec
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
START = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def es_bars() -> pl.DataFrame:
    """The 1,000 ES dollar bars of January 2015, for which REFERENCE_VALUES holds figures."""
    return pl.read_parquet(SAMPLE / "es_dollar_bars.parquet").select(
        pl.col("ts").alias("ts_close"), pl.lit(0, dtype=pl.Int64).alias("seq"), "open", "high", "low", "close"
    )


@pytest.fixture
def dim() -> pl.DataFrame:
    row = dict.fromkeys(spec(TickersDim).polars_schema.names()) | {
        "ticker": "ES",
        "name": "n",
        "exchange": "XCME",
        "asset_class": "future",
        "currency": "USD",
        "is_delisted": False,
        "tick_size": 0.25,
        "lot_size": 1.0,
        "multiplier": 50.0,
        "valid_from": date(1990, 1, 1),
        "known_at": datetime(1990, 1, 1, tzinfo=UTC),
    }
    return spec(TickersDim).schema.validate(pl.DataFrame([row], schema=spec(TickersDim).polars_schema))


@pytest.fixture
def bars() -> Callable[..., pl.DataFrame]:
    """Build bars from closes alone, or from (open, high, low, close), one an hour."""

    def build(prices: list[float] | list[tuple[float, float, float, float]], bar_spec: str = "time_1h") -> pl.DataFrame:
        table = np.array(prices, dtype=float)
        o, h, low, c = table.T if table.ndim == 2 else (table, table, table, table)
        n = len(prices)
        closed = [START + timedelta(hours=i + 1) for i in range(n)]
        values = dict.fromkeys(spec(InformationBars).polars_schema.names(), [None] * n) | {
            "ticker": ["ES"] * n,
            "bar_spec": [bar_spec] * n,
            "ts_open": [time - timedelta(hours=1) for time in closed],
            "ts_close": closed,
            "seq": [0] * n,
            "open": o,
            "high": h,
            "low": low,
            "close": c,
            "volume": [1.0] * n,
            "dollar_volume": [1.0] * n,
            "n_ticks": [1] * n,
            "threshold": [3_600.0] * n,
            "price_factor": [1.0] * n,
            "raw_table": ["raw.ohlcv_1h"] * n,
            "raw_ts_first": closed,
            "raw_seq_first": [0] * n,
            "raw_ts_last": closed,
            "raw_seq_last": [0] * n,
        }
        return spec(InformationBars).schema.validate(pl.DataFrame(values, schema=spec(InformationBars).polars_schema))

    return build
