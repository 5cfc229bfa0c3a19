from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tsis.backtest.fills_log import FillsLogParams, MarketParams
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.setups import Setups

START = datetime(2020, 1, 6, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def hourly(frame):
    """Return ``hourly([(o, h, l, c), ...])``: bars that follow each other, the first from 10:00."""

    def build(prices, ticker="X", price_factor=1.0, first=0):
        opens = [START + HOUR * (first + i) for i in range(len(prices))]
        columns = dict(zip(("open", "high", "low", "close"), map(list, zip(*prices, strict=True)), strict=True))
        return frame(
            InformationBars,
            ticker=[ticker] * len(prices),
            bar_spec="time_1h",
            ts_open=opens,
            ts_close=[at + HOUR for at in opens],
            seq=0,
            price_factor=price_factor,
            **columns,
        )

    return build


@pytest.fixture(scope="session")
def setup_at(frame):
    """Return ``setup_at(bar, ...)``: a long setup decided at the close of that bar, entry 100, stop 98, target 104."""

    def build(bar=0, ticker="X", side=1, **given):
        decided = START + HOUR * (bar + 1)
        row = {
            "session_id": "backtest:s",
            "origin": "backtest",
            "signal_id": f"{ticker}{bar:02d}",
            "ts": decided,
            "ticker": ticker,
            "bar_spec": "time_1h",
            "seq": 0,
            "t0": decided,
            "side": side,
            "entry": 100.0,
            "stop": 100.0 - 2.0 * side,
            "tp1": 100.0 + 4.0 * side,
            "bet_size": 1.0,
            "expires_at": decided + 100 * HOUR,
            "ml_score": 0.7,
            "model_version": "v",
            "action": "ENTRY_ARMED",
            "reason": "",
            "model": "s",
        } | given
        return frame(Setups, **{name: [value] for name, value in row.items()})

    return build


@pytest.fixture(scope="session")
def tickers(frame):
    """Return instruments X, Y, Z: equities of multiplier 1, lot 1."""
    return frame(TickersDim, ticker=["X", "Y", "Z"], asset_class="equity", lot_size=1.0, multiplier=1.0)


@pytest.fixture(scope="session")
def account():
    """Return 10,000 at 2 % a trade, 10 bps of slippage, 0.01 a unit."""
    market = MarketParams(slippage_bps=10.0, fee_per_unit=0.01, max_leverage=20.0)
    return FillsLogParams(start_equity=10_000.0, markets={"equity": market})
