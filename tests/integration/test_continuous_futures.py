"""A futures product of several contracts, from its daily bars through the chain to one series in SQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lakes import rows
from polars.testing import assert_frame_equal

from tsis.bars.bar_params import InformationBarsParams
from tsis.bars.continuous_futures import by_difference, by_ratio, held_rows
from tsis.lake import Lake
from tsis.lake.catalog import open_catalog, refresh_catalog
from tsis.runtime.dag import stages
from tsis.runtime.params import read_params
from tsis.runtime.run import run
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.tables import tables

STAGES = stages()
PARAMS = read_params(REPOSITORY / "params.yaml", STAGES) | {
    "information_bars": InformationBarsParams(bars={"future": ("time_1d",)})
}
FIRST = datetime(2013, 9, 2, 21, tzinfo=UTC)
CLOSES = {
    "ESU3": {0: (100.0, 90.0), 1: (101.0, 80.0), 2: (102.0, 40.0), 3: (103.0, 99.0)},
    "ESZ3": {0: (98.0, 1.0), 1: (99.0, 80.0), 2: (99.5, 60.0), 3: (100.0, 50.0), 4: (101.0, 50.0)},
}


@pytest.fixture
def lake(tmp_path):
    found = Lake(tmp_path / "lake", tables())
    for ticker, expires in (("ESU3", 18), ("ESZ3", 108)):
        facts = {"ticker": ticker, "asset_class": "future", "multiplier": 50.0, "valid_from": FIRST.date()}
        found.append("reference.tickers_dim", rows("reference.tickers_dim", 1, **facts, known_at=FIRST))
        contract = {"ticker": ticker, "product": "ES", "expires_on": (FIRST + timedelta(days=expires)).date()}
        found.append("reference.contracts_dim", rows("reference.contracts_dim", 1, **contract, known_at=FIRST))
        ends = [FIRST + timedelta(days=day) for day in CLOSES[ticker]]
        prices = [close for close, _ in CLOSES[ticker].values()]
        given = {"open": prices, "high": prices, "low": prices, "close": prices, "ticker": ticker, "known_at": ends}
        times = {"ts": [end - timedelta(hours=6) for end in ends], "ts_close": ends}
        volumes = [volume for _, volume in CLOSES[ticker].values()]
        found.append("raw.ohlcv_daily", rows("raw.ohlcv_daily", len(ends), **times, **given, volume=volumes))
    chain = [STAGES[name] for name in ("daily_cache", "information_bars", "futures_roll")]
    report = run(found, chain, PARAMS)
    assert not report.failed, report.failed
    refresh_catalog(found, REPOSITORY / "warehouse")
    return found


def test_the_mart_is_the_python_series(lake):
    found = open_catalog(lake.root / "warehouse.duckdb").sql("from marts.continuous_bars order by ts_close").pl()
    held = held_rows(lake.scan("information_bars").collect(), lake.scan("futures_roll").collect(), "ts_close")
    assert found["ticker"].to_list() == ["ESU3", "ESU3", "ESZ3", "ESZ3"]
    expected = by_ratio(held, ["open", "high", "low", "close"]).select("ticker", "ts_close", "close")
    assert_frame_equal(found.select("ticker", "ts_close", "close"), expected, check_dtypes=False)
    assert found["close_by_difference"].to_list() == by_difference(held, ["close"])["close"].to_list()


def test_returns_over_the_roll_are_those_of_the_contract_held(lake):
    found = open_catalog(lake.root / "warehouse.duckdb").sql("from marts.continuous_bars order by ts_close").pl()
    returns = (found["close"] / found["close"].shift(1) - 1.0).drop_nulls().to_list()
    assert returns == pytest.approx([102 / 101 - 1, 100 / 99.5 - 1, 101 / 100 - 1])
