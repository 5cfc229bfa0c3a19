"""Rows for the tests of bars: each fixture is a builder that fills what a test does not care about."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from tsis.core.table import Table, spec
from tsis.tables.raw.ohlcv_daily import OhlcvDaily
from tsis.tables.raw.trades import Trades
from tsis.tables.reference.corporate_actions import CorporateActions
from tsis.tables.reference.tickers_dim import TickersDim

LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)


def frame(table: type[Table], rows: list[dict[str, object]], **defaults: object) -> pl.DataFrame:
    schema = spec(table).polars_schema
    filled = [dict.fromkeys(schema.names()) | defaults | row for row in rows]
    return spec(table).schema.validate(pl.DataFrame(filled, schema=schema, orient="row"))


@pytest.fixture
def tickers() -> Callable[..., pl.DataFrame]:
    def build(*rows: dict[str, object]) -> pl.DataFrame:
        return frame(
            TickersDim,
            list(rows),
            name="n",
            exchange="XNYS",
            asset_class="equity",
            currency="USD",
            is_delisted=False,
            tick_size=0.01,
            lot_size=1.0,
            multiplier=1.0,
            valid_from=date(1990, 1, 1),
            known_at=LONG_AGO,
        )

    return build


@pytest.fixture
def trades() -> Callable[..., pl.DataFrame]:
    def build(rows: list[tuple[datetime, int, float, float]], ticker: str = "IBM", **defaults: object) -> pl.DataFrame:
        named = [dict(zip(("ts", "seq", "price", "size"), row, strict=True)) for row in rows]
        filled = {
            "ticker": ticker,
            "side": "unknown",
            "is_suspicious": False,
            "source": "test",
            "is_synthetic": False,
            "is_deleted": False,
            "known_at": LONG_AGO,
        }
        return frame(Trades, named, **(filled | defaults))

    return build


@pytest.fixture
def ohlcv() -> Callable[..., pl.DataFrame]:
    def build(
        closes: list[float],
        ticker: str = "IBM",
        first: datetime = datetime(2020, 1, 1, 14, 30, tzinfo=UTC),
        every: timedelta = timedelta(days=1),
        length: timedelta = timedelta(hours=6.5),
        **defaults: object,
    ) -> pl.DataFrame:
        rows = [
            {
                "ts": first + i * every,
                "ts_close": first + i * every + length,
                **dict.fromkeys(("open", "high", "low", "close"), close),
            }
            for i, close in enumerate(closes)
        ]
        filled = {
            "ticker": ticker,
            "volume": 1_000.0,
            "source": "test",
            "is_synthetic": False,
            "is_deleted": False,
            "known_at": LONG_AGO,
        }
        return frame(OhlcvDaily, rows, **(filled | defaults))

    return build


@pytest.fixture
def actions() -> Callable[..., pl.DataFrame]:
    def build(*rows: dict[str, object]) -> pl.DataFrame:
        return frame(CorporateActions, list(rows), ticker="IBM", source="test", is_deleted=False, known_at=LONG_AGO)

    return build
