"""Orders that take more than one fill, and funding, as rows of the tables."""

import polars as pl
import pytest

from tsis.analytics.pnl_daily import PnlDailyParams, pnl_daily
from tsis.backtest.fills_log import fills_log
from tsis.core.table import spec
from tsis.tables.processed_features.futures_roll import FuturesRoll

CALM = (100.0, 100.5, 99.5, 100.0)
NO_ROLLS = spec(FuturesRoll).empty()
NAMES = [table.table for table in fills_log.writes]


@pytest.fixture
def trade(tickers, account):
    """Return ``trade(setups, bars, **market)``: the frames by table name, each checked against its contract."""

    def run(setups, bars, **market):
        changed = account.markets["equity"].model_copy(update=market)
        params = account.model_copy(update={"markets": {"equity": changed}})
        frames = fills_log(setups, bars, NO_ROLLS, tickers, params)
        for table, frame in zip(fills_log.writes, frames, strict=True):
            table.schema.validate(frame)
        return dict(zip(NAMES, frames, strict=True))

    return run


def with_volume(bars, *volumes):
    return bars.with_columns(volume=pl.Series([float(volume) for volume in volumes]))


def test_an_order_in_two_parts_has_two_fills(trade, hourly, setup_at):
    bars = with_volume(hourly([CALM, CALM, (100.2, 101, 99.5, 100), (101, 105, 100, 104)]), 900, 120, 900, 900)
    done = trade(setup_at(), bars, max_volume_frac=0.5)
    fills = done["fills_log"]
    assert fills["fill_id"].to_list() == ["X00:entry#1", "X00:entry#2", "X00:limit#1"]
    assert fills["qty"].to_list() == [60.0, 40.0, 100.0]
    assert fills["price"].to_list() == [pytest.approx(100.1), pytest.approx(100.2 * 1.001), 104.0]
    positions = done["positions"].sort("ts", "fill_id")
    mean = (60 * 100.1 + 40 * 100.2 * 1.001) / 100
    assert positions["qty"].to_list() == [60.0, 100.0, 0.0]
    assert positions["avg_price"].to_list() == [pytest.approx(100.1), pytest.approx(mean), None]
    assert positions["unrealised_pnl"].to_list() == [0.0, pytest.approx(100 * (100.2 * 1.001 - mean)), 0.0]
    assert positions["realised_pnl"][2] == pytest.approx(100 * (104 - mean) - 2.0)
    entry = done["orders_log"].filter(type="market").row(0, named=True)
    assert (entry["qty"], entry["status"], entry["ts_done"]) == (100.0, "filled", fills["ts"][1])


def test_the_rest_of_an_entry_is_cancelled_by_the_stop(trade, hourly, setup_at):
    bars = with_volume(hourly([CALM, CALM, (97, 98, 96, 97), CALM]), 900, 120, 900, 900)
    done = trade(setup_at(), bars, max_volume_frac=0.5)
    # the rest fills at the open of the gap, then all of it leaves there
    assert done["fills_log"].sort("ts", "fill_id").select("side", "qty").rows() == [
        ("buy", 60.0),
        ("buy", 40.0),
        ("sell", 100.0),
    ]
    inside = with_volume(hourly([CALM, CALM, (100, 100.2, 97, 98), CALM]), 900, 120, 40, 900)
    done = trade(setup_at(), inside, max_volume_frac=0.5)
    fills, entry = done["fills_log"].sort("ts", "fill_id"), done["orders_log"].filter(type="market").row(0, named=True)
    assert fills.select("side", "qty").rows() == [("buy", 60.0), ("buy", 20.0), ("sell", 80.0)]
    assert (entry["qty"], entry["status"]) == (100.0, "cancelled")
    assert done["orders_log"].filter(type="stop").select("qty", "status").row(0) == (80.0, "filled")
    assert done["active_signals"].is_empty()


def test_what_is_left_at_the_last_bar_works_on(trade, hourly, setup_at):
    done = trade(setup_at(), with_volume(hourly([CALM, CALM]), 900, 120), max_volume_frac=0.5)
    assert done["orders_log"].filter(type="market").select("status", "ts_done").row(0) == ("working", None)
    assert done["active_signals"].select("status", "size").row(0) == ("filled", 60.0)
    none = trade(setup_at(), with_volume(hourly([CALM, CALM]), 900, 0), max_volume_frac=0.5)
    assert none["fills_log"].is_empty()
    assert none["active_signals"]["status"].to_list() == ["waiting"]


def test_funding_is_booked_and_counts_in_the_daily_result(trade, hourly, setup_at, tickers):
    bars = hourly([CALM, CALM, CALM, (101, 105, 100, 104)])
    done = trade(setup_at(), bars, long_rate_frac=0.1)
    hours = 3 / (365.25 * 24)  # a target fills at the close of its bar at the latest
    value = (100 * 100.0 + 100 * 100.0 + 100 * 104.0) / 3
    assert done["fills_log"]["funding"].to_list() == [0.0, pytest.approx(value * 0.1 * hours, rel=1e-9)]
    params = PnlDailyParams(start_equity=10_000.0)
    days = pnl_daily(setup_at(), done["orders_log"], done["fills_log"], bars, tickers, params)
    assert days["equity"][-1] == pytest.approx(10_000 + done["positions"]["realised_pnl"][-1], rel=1e-12)
