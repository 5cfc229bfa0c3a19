"""Bars of real calendars and of the bundled data as the feature engine is given them, and what a bank says of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from given_rows import streams

from tsis.bars.sessions import calendar_sessions
from tsis.core.feature import Bank
from tsis.core.stream import N_GIVEN, NAMES
from tsis.features.engine import Engine
from tsis.features.given_streams import given_streams

_SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"
_NO_FACTS = {
    "valid_from": pl.Date,
    "valid_to": pl.Date,
    "known_at": pl.Datetime("us", "UTC"),
    "float_shares": pl.Float64,
}


def columns(bank: Bank, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return what `bank` says of `rows`, by name."""
    engine = Engine([bank])
    out, _ = engine.fold(streams(rows), engine.start())
    return dict(zip(engine.names, np.ascontiguousarray(out.T), strict=True))


def frame(rows: np.ndarray) -> pd.DataFrame:
    """Return `rows` with the names of their streams."""
    return pd.DataFrame(rows, columns=NAMES[:N_GIVEN])


def calendar_rows(
    calendar: str,
    first: date,
    last: date,
    minutes: int,
    seed: int = 0,
    *,
    early_h: float = 0.0,
    late_h: float = 0.0,
    float_shares: float | None = None,
) -> np.ndarray:
    """Return bars of `minutes` of every session of a calendar, `early_h` before its open to `late_h` after its close.

    The bars of a session end with its close, if its hours are no multiple of a bar.
    """
    listed = calendar_sessions(calendar, first, last)
    step, spans = timedelta(minutes=minutes), []
    for _, opens, closes, _ in listed.iter_rows():
        begin, end = opens - timedelta(hours=early_h), closes + timedelta(hours=late_h)
        begins = [begin + i * step for i in range(-((begin - end) // step))]
        spans += [(moment, min(moment + step, end)) for moment in begins]
    return random_rows(spans, listed, seed, float_shares)


def random_rows(
    spans: list[tuple[object, object]], listed: pl.DataFrame, seed: int = 0, float_shares: float | None = None
) -> np.ndarray:
    """Return bars from and to the moments of `spans` with prices of a random walk, in the sessions `listed`."""
    random, n = np.random.default_rng([seed, 5]), len(spans)
    close = np.round(50.0 * np.exp(np.cumsum(0.002 * random.standard_t(4, n))), 2)
    opened = np.round(np.append(50.0, close[:-1])[:n] * np.exp(0.001 * random.standard_normal(n)), 2)
    reach = np.round(0.05 * random.exponential(1.0, (2, n)), 2)
    volume = np.ceil(random.lognormal(6.0, 0.8, n))
    values = {
        "ts_open": [span[0] for span in spans],
        "ts_close": [span[1] for span in spans],
        "open": opened,
        "high": np.maximum(opened, close) + reach[0],
        "low": np.minimum(opened, close) - reach[1],
        "close": close,
        "volume": volume,
        "dollar_volume": volume * close,
        "vwap": (opened + close) / 2.0,
    }
    return _rows(_timed(values), listed, _facts(float_shares))


def eurusd_rows() -> np.ndarray:
    """Return the bundled hourly bars of EURUSD, 2017, in sessions of a UTC day."""
    bars = pl.read_parquet(_SAMPLE / "eurusd_1h.parquet").with_columns(
        ts_open="ts", ts_close=pl.col("ts") + timedelta(hours=1), dollar_volume=pl.col("close") * pl.col("volume")
    )
    return _rows(bars, calendar_sessions("24/5", date(2017, 1, 1), date(2018, 1, 5)), _facts(None))


def es_rows() -> np.ndarray:
    """Return the bundled dollar bars of ES, January 2015; their sessions begin on the evening before."""
    bars = pl.read_parquet(_SAMPLE / "es_dollar_bars.parquet").with_columns(
        ts_open=pl.col("ts").shift(1).fill_null(pl.col("ts").first()),
        ts_close="ts",
        volume="cum_vol",
        dollar_volume="cum_dollar",
    )
    return _rows(bars, calendar_sessions("CMES", date(2014, 12, 29), date(2016, 1, 5)), _facts(None))


def daily_rows(ticker: str) -> np.ndarray:
    """Return the bundled daily bars of an American stock, as traded."""
    listed = calendar_sessions("XNYS", date(2000, 1, 3), date(2013, 12, 31))
    bars = (
        pl.read_parquet(_SAMPLE / "us_daily.parquet")
        .filter(pl.col("ticker") == ticker)
        .join(listed, left_on="date", right_on="session", suffix="_at")
        .with_columns(
            pl.col("volume").cast(pl.Float64),
            ts_open="open_at",
            ts_close="close_at",
            dollar_volume=pl.col("close") * pl.col("volume"),
        )
        .sort("date")
        .drop("is_half_day")
    )
    return _rows(bars, listed, _facts(None))


def _timed(values: dict[str, object]) -> pl.DataFrame:
    times = dict.fromkeys(("ts_open", "ts_close"), pl.Datetime("us", "UTC"))
    return pl.DataFrame(values, schema_overrides=times)


def _facts(float_shares: float | None) -> pl.DataFrame:
    if float_shares is None:
        return pl.DataFrame(schema=_NO_FACTS)
    first = date(1990, 1, 1)
    known_at = datetime(1990, 1, 1, tzinfo=UTC)
    return pl.DataFrame([(first, None, known_at, float_shares)], schema=_NO_FACTS, orient="row")


def _rows(bars: pl.DataFrame, listed: pl.DataFrame, facts: pl.DataFrame) -> np.ndarray:
    return np.ascontiguousarray(given_streams(bars, listed, facts).T)
