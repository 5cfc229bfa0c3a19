from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.backtest.fills_log import fills_log
from tsis.core.errors import DataError, ParamsError
from tsis.core.table import spec
from tsis.tables.processed_features.futures_roll import FuturesRoll
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.signals.setups import Setups

START = datetime(2020, 1, 6, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALM = (100.0, 100.5, 99.5, 100.0)
NO_ROLLS = spec(FuturesRoll).empty()
NAMES = [table.table for table in fills_log.writes]


@pytest.fixture
def trade(tickers, account):
    """Return ``trade(setups, bars)``: the frames by table name, each checked against its contract."""

    def run(setups, bars, rolls=NO_ROLLS, **limits):
        frames = fills_log(setups, bars, rolls, tickers, account.model_copy(update=limits))
        for table, frame in zip(fills_log.writes, frames, strict=True):
            table.schema.validate(frame)
        return dict(zip(NAMES, frames, strict=True))

    return run


# 2 % of 10,000 over a distance of 2 is 100 units. A long enters at 100 * 1.001 = 100.10, a short at 99.90; each fill
# costs 100 * 0.01 = 1.00. Stops and market exits lose 10 bps more; limits do not.
TRADES = {
    "target within a bar": (1, [CALM, CALM, (101, 105, 100, 104)], {}, "target", 104.0, 388.0),
    "stop within a bar": (1, [CALM, CALM, (99, 99.5, 97.5, 98)], {}, "stop", 97.902, -221.8),
    "gap through the stop": (1, [CALM, CALM, (96, 97, 95, 96)], {}, "stop", 95.904, -421.6),
    "both touched: stop first": (1, [CALM, CALM, (100, 105, 97, 104)], {}, "stop", 97.902, -221.8),
    "gap through the target": (1, [CALM, CALM, (105, 106, 104.5, 105)], {}, "target", 105.0, 488.0),
    "opens beyond the target, then falls": (1, [CALM, CALM, (105, 106, 97, 98)], {}, "target", 105.0, 488.0),
    "stop on the bar of the entry": (1, [CALM, (100, 100.5, 97, 99)], {}, "stop", 97.902, -221.8),
    "entry gaps beyond its stop": (1, [CALM, (97, 99, 96, 98)], {}, "stop", 96.903, -21.4),
    "time is over": (
        1,
        [CALM, CALM, CALM, (101, 102, 100.5, 101)],
        {"expires_at": START + 2.5 * HOUR},
        "expired",
        100.899,
        77.9,
    ),
    "bars are over": (
        1,
        [CALM, CALM, CALM, (101, 102, 100.5, 101)],
        {"expires_at": None, "max_bars": 2},
        "expired",
        100.899,
        77.9,
    ),
    "short target": (-1, [CALM, CALM, (99, 100, 95, 96)], {}, "target", 96.0, 388.0),
    "short stop": (-1, [CALM, CALM, (101, 102.5, 100, 102)], {}, "stop", 102.102, -222.2),
    "short gap through the stop": (-1, [CALM, CALM, (103, 104, 102.5, 103)], {}, "stop", 103.103, -322.3),
}


@pytest.mark.parametrize("name", TRADES)
def test_trades_worked_out_by_hand(trade, hourly, setup_at, name):
    side, prices, given, reason, exit_price, pnl = TRADES[name]
    done = trade(setup_at(side=side, **given), hourly([*prices, CALM]))
    fills = done["fills_log"]
    assert fills["side"].to_list() == (["buy", "sell"] if side > 0 else ["sell", "buy"])
    assert fills["qty"].to_list() == [100.0, 100.0]
    assert fills["price"][1] == pytest.approx(exit_price, rel=1e-12)
    assert done["positions"]["realised_pnl"][1] == pytest.approx(pnl, rel=1e-9)
    assert done["positions"]["qty"].to_list() == [100.0 * side, 0.0]
    assert done["signals_history"].filter(action="EXIT")["reason"].to_list() == [reason]
    assert done["active_signals"].is_empty()


def test_entry_is_at_the_next_open_and_costs_slippage_and_fee(trade, hourly, setup_at):
    done = trade(setup_at(), hourly([CALM, (100.2, 100.5, 99.5, 100), CALM]))
    fill = done["fills_log"].row(0, named=True)
    assert fill["ts"] == START + HOUR
    assert fill["price"] == pytest.approx(100.2 * 1.001)
    assert fill["slippage_bps"] == pytest.approx(10.0)
    assert fill["fee"] == pytest.approx(1.0)
    assert done["active_signals"]["status"].to_list() == ["filled"]
    assert done["orders_log"].select("type", "status").rows() == [
        ("market", "filled"),
        ("limit", "working"),
        ("stop", "working"),
    ]


def test_a_trailing_stop_follows_the_best_price_of_the_bars_before(trade, hourly, setup_at):
    bars = hourly([CALM, CALM, (101, 103, 100.5, 103), (103, 103.5, 100, 100.5), CALM])
    done = trade(setup_at(trail_frac=0.02), bars)
    # 2 % below 103, the best up to the bar before; 10 bps of slippage
    assert done["fills_log"]["price"][1] == pytest.approx(103 * 0.98 * 0.999, rel=1e-12)
    assert done["signals_history"].filter(action="EXIT")["reason"].to_list() == ["trailing stop"]
    assert done["orders_log"].filter(type="stop")["status"].to_list() == ["filled"]
    without = trade(setup_at(), bars)
    assert without["fills_log"].height == 1


def test_the_share_of_its_bar_that_a_fill_takes(trade, hourly, setup_at):
    bars = hourly([CALM, CALM, (101, 105, 100, 104), CALM]).with_columns(volume=pl.Series([1.0, 400.0, 0.0, 1.0]))
    fills = trade(setup_at(), bars)["fills_log"]
    assert fills["volume_frac"].to_list() == [100.0 / 400.0, None]


def test_an_entry_without_a_next_bar_waits(trade, hourly, setup_at):
    done = trade(setup_at(bar=1), hourly([CALM, CALM]))
    assert done["fills_log"].is_empty()
    assert done["active_signals"].select("status", "size").row(0) == ("waiting", 100.0)
    assert done["orders_log"].select("status", "ts_done").row(0) == ("working", None)


def test_an_entry_that_is_too_late_is_cancelled(trade, hourly, setup_at):
    bars = pl.concat([hourly([CALM]), hourly([CALM], first=60)])
    done = trade(setup_at(expires_at=START + 50 * HOUR), bars)
    assert done["orders_log"].select("status", "ts_done").row(0) == ("cancelled", START + 60 * HOUR)
    assert done["signals_history"].select("action", "status").rows() == [("ENTER", "expired")]
    assert done["active_signals"].is_empty()


def test_orders_of_a_trade_cancel_each_other(trade, hourly, setup_at):
    done = trade(setup_at(), hourly([CALM, CALM, (99, 99.5, 97.5, 98)]))
    orders = {row["type"]: row for row in done["orders_log"].iter_rows(named=True)}
    assert {name: row["status"] for name, row in orders.items()} == {
        "market": "filled",
        "stop": "filled",
        "limit": "cancelled",
    }
    assert (orders["market"]["stop"], orders["market"]["tp"]) == (98.0, 104.0)
    assert (orders["stop"]["price"], orders["limit"]["price"]) == (98.0, 104.0)
    assert done["fills_log"]["order_id"].to_list() == [orders["market"]["order_id"], orders["stop"]["order_id"]]


def test_one_position_at_a_time(trade, hourly, setup_at):
    setups = pl.concat([setup_at(0), setup_at(0, ticker="Y"), setup_at(2)])
    bars = pl.concat([hourly([CALM] * 4), hourly([CALM] * 4, ticker="Y")])
    done = trade(setups, bars)
    refused = done["orders_log"].filter(status="rejected").sort("signal_id")
    assert refused["reject_reason"].to_list() == ["the ticker has a position", "all positions taken"]
    assert refused["ts_sent"].null_count() == 2
    limits = {row["limit"]: row for row in done["risk_limits"].iter_rows(named=True)}
    assert limits["max_positions"]["breached_at"] == START + HOUR
    assert limits["risk_per_trade_frac"]["current"] == pytest.approx(0.02)
    assert limits["daily_loss_frac"]["breached_at"] is None
    assert trade(setups, bars, max_positions=2)["fills_log"]["ticker"].to_list() == ["X", "Y"]
    holds = done["signals_history"].filter(action="HOLD")
    assert holds["risk_ok"].to_list() == [False, False]


def test_less_than_one_lot_is_refused(trade, hourly, setup_at):
    done = trade(setup_at(bet_size=0.005), hourly([CALM, CALM]))
    order = done["orders_log"].row(0, named=True)
    assert (order["status"], order["qty"], order["reject_reason"]) == ("rejected", 1.0, "risk allows less than one lot")
    assert done["risk_limits"].filter(limit="risk_per_trade_frac")["breached_at"][0] == START + HOUR


def test_daily_loss_closes_positions_and_stops_entries_until_the_next_day(trade, hourly, setup_at):
    # 100 units fall from 100 to 94.9 with a stop at 80: 5.2 % of 10,000 are lost at the close of bar 2
    falling = [CALM, CALM, (100, 100, 94.9, 94.9), (95, 95, 94, 94.5)]
    wide = {"stop": 80.0, "bet_size": 10.0}
    setups = pl.concat(
        [setup_at(0, **wide), setup_at(2, ticker="Y"), setup_at(3, ticker="Y"), setup_at(15, ticker="Y")]
    )
    bars = pl.concat([hourly(falling + [CALM] * 14), hourly([CALM] * 18, ticker="Y")])
    done = trade(setups, bars)
    assert done["signals_history"].filter(action="EXIT").select("reason", "ts").row(0) == (
        "daily loss reached",
        START + 3 * HOUR,
    )
    fills = done["fills_log"]
    assert fills.select("ticker", "ts").rows() == [
        ("X", START + HOUR),
        ("X", START + 3 * HOUR),
        ("Y", START + 16 * HOUR),
    ]
    assert fills["price"][1] == pytest.approx(95 * 0.999)
    refused = done["orders_log"].filter(status="rejected")
    assert refused["reject_reason"].to_list() == ["daily loss reached"] * 2
    limit = done["risk_limits"].filter(limit="daily_loss_frac").row(0, named=True)
    assert limit["breached_at"] == START + 3 * HOUR
    assert limit["current"] == pytest.approx((100 * (100.1 - 95 * 0.999) + 2.0) / 1e4)


def test_leverage_bounds_the_size(trade, hourly, setup_at):
    done = trade(setup_at(stop=99.9, tp1=200.0), hourly([CALM, CALM]))
    assert done["orders_log"]["qty"][0] == 2_000.0  # 20 * 10,000 / 100, where risk alone would allow 2,000 too
    assert trade(setup_at(stop=99.99, tp1=200.0), hourly([CALM, CALM]))["orders_log"]["qty"][0] == 2_000.0


def test_a_split_changes_units_not_results(trade, hourly, setup_at):
    """Bars are forward-adjusted: after a 2:1 split, 100 as traded is 50 * factor 2."""
    bars = pl.concat([hourly([CALM, CALM]), hourly([(101, 105, 100, 104)], price_factor=2.0, first=2)])
    done = trade(setup_at(), bars)
    fills = done["fills_log"]
    assert fills["qty"].to_list() == [100.0, 200.0]
    assert fills["price"].to_list() == [pytest.approx(100.1), pytest.approx(52.0)]
    assert fills["fee"].to_list() == [pytest.approx(1.0), pytest.approx(2.0)]
    assert done["positions"]["realised_pnl"][1] == pytest.approx(100 * (104 - 100.1) - 3.0)


def test_lots_are_whole_in_units_as_traded(trade, hourly, setup_at, tickers, account):
    odd = tickers.with_columns(pl.lit(7.0).alias("lot_size"))
    bars = hourly([CALM, CALM], price_factor=3.0)
    orders = fills_log(setup_at(), bars, NO_ROLLS, odd, account)[2]
    assert orders["qty"][0] == 294.0  # 100 adjusted units are 300 as traded: 42 lots of 7


def test_held_back_setups_are_history_only(trade, hourly, setup_at):
    done = trade(setup_at(action="HOLD", reason="bet rounds to zero"), hourly([CALM, CALM]))
    assert done["orders_log"].is_empty()
    row = done["signals_history"].row(0, named=True)
    assert (row["action"], row["reason"], row["size"], row["risk_ok"]) == ("HOLD", "bet rounds to zero", 0.0, True)
    assert done["risk_limits"].height == 3


UNPREDICTED = {
    "action": "HOLD",
    "reason": "no prediction: no model fitted by then",
    "ml_score": None,
    "model_version": None,
}


def test_events_without_a_prediction_are_history_and_begin_no_account(trade, hourly, setup_at):
    bars = hourly([CALM, CALM, CALM, (101, 105, 100, 104), CALM])
    both = trade(pl.concat([setup_at(0, **UNPREDICTED), setup_at(1)]), bars)
    alone = trade(setup_at(1), bars)
    for name in set(NAMES) - {"signals_history"}:
        assert_frame_equal(both[name], alone[name])
    held = both["signals_history"].filter(pl.col("signal_id") == "X00").row(0, named=True)
    assert (held["action"], held["reason"], held["model_version"]) == ("HOLD", UNPREDICTED["reason"], None)
    never = trade(setup_at(0, **UNPREDICTED), bars)
    assert (never["signals_history"].height, never["orders_log"].height, never["fills_log"].height) == (1, 0, 0)


def test_an_entry_with_a_limit_price_waits_for_it(trade, hourly, setup_at):
    # the first open is 101, beyond the limit; the second bar comes down to it
    bars = hourly([CALM, (101, 101.5, 100.8, 101), (101, 101.2, 100.2, 100.5), (101, 105, 100.6, 104), CALM])
    done = trade(setup_at(limit_price=100.5, expires_at=None, max_bars=10), bars)
    entry = done["orders_log"].filter(pl.col("order_id").str.ends_with(":entry")).row(0, named=True)
    assert (entry["type"], entry["price"], entry["status"]) == ("limit", 100.5, "filled")
    assert done["fills_log"]["price"].to_list() == [100.5, 104.0]
    lapsed = trade(setup_at(limit_price=99.9, expires_at=None, max_bars=2), bars)
    assert lapsed["fills_log"].is_empty()
    assert lapsed["orders_log"]["status"].to_list() == ["cancelled"]
    assert lapsed["orders_log"]["type"].to_list() == ["limit"]
    at_market = trade(setup_at(expires_at=None, max_bars=10), bars)
    assert at_market["orders_log"].filter(pl.col("order_id").str.ends_with(":entry"))["type"].to_list() == ["market"]


def test_accounts_are_separate_by_session(trade, hourly, setup_at):
    bars = hourly([CALM, CALM, (101, 105, 100, 104), CALM])
    other = setup_at().with_columns(pl.lit("backtest:t").alias("session_id"), pl.lit("t").alias("model"))
    both = trade(pl.concat([setup_at(), other]), bars)
    alone = trade(setup_at(), bars)
    for name in NAMES:
        assert_frame_equal(both[name].filter(session_id="backtest:s"), alone[name])
        assert both[name].height == 2 * alone[name].height


def test_the_future_changes_nothing_before(trade, hourly, setup_at):
    prices = [CALM, CALM, (101, 105, 100, 104), CALM, CALM, (100, 101, 97, 98), CALM, CALM, (100, 104.5, 97, 99), CALM]
    setups = pl.concat([setup_at(i) for i in range(9)])
    whole = trade(setups, hourly(prices))
    for cut in range(2, 10):
        at = START + cut * HOUR
        changed = trade(setups, hourly(prices[:cut] + [(120, 125, 60, 80)] * (10 - cut)))
        for name, time in (("fills_log", "ts"), ("positions", "ts"), ("signals_history", "ts")):
            # a fill at the open of the first changed bar is at `at`: it belongs to the future
            before = [done[name].filter(pl.col(time) < at) for done in (whole, changed)]
            if name == "signals_history":
                before = [rows.drop("status") for rows in before]
            assert_frame_equal(*before)


def test_fills_explain_realised_pnl(trade, hourly, setup_at):
    prices = [CALM, CALM, (101, 105, 100, 104), CALM, CALM, (100, 101, 97, 98), CALM, CALM, (100, 104.5, 97, 99), CALM]
    done = trade(pl.concat([setup_at(i, side=(-1) ** i) for i in range(9)]), hourly(prices))
    fills = done["fills_log"].sort("ts", "fill_id")
    assert fills.height >= 6
    sign = pl.when(pl.col("side") == "buy").then(-1).otherwise(1)
    cash = fills.select((sign * pl.col("qty") * pl.col("price") - pl.col("fee")).cum_sum()).to_series().to_list()
    flat = done["positions"].sort("ts", "fill_id").with_row_index().filter(qty=0)
    assert [cash[i] for i in flat["index"]] == pytest.approx(flat["realised_pnl"].to_list())
    assert all(a["ts"] <= b["ts"] for a, b in pairwise(fills.iter_rows(named=True)))


def test_nothing_in_nothing_out(tickers, account):
    frames = fills_log(spec(Setups).empty(), spec(InformationBars).empty(), NO_ROLLS, tickers, account)
    assert [frame.schema for frame in frames] == [table.polars_schema for table in fills_log.writes]
    assert sum(frame.height for frame in frames) == 0


def test_inputs_stay_and_order_does_not_matter(hourly, setup_at, tickers, account):
    setups = pl.concat([setup_at(i) for i in range(5)])
    bars = hourly([CALM, CALM, (101, 105, 100, 104)] * 3)
    copies = setups.clone(), bars.clone()
    first = fills_log(setups, bars, NO_ROLLS, tickers, account)
    second = fills_log(setups.reverse(), bars.reverse(), NO_ROLLS, tickers.reverse(), account)
    for a, b in zip(first, second, strict=True):
        assert_frame_equal(a, b)
    assert_frame_equal(setups, copies[0])
    assert_frame_equal(bars, copies[1])


def test_missing_bar_ticker_and_market_are_named(hourly, setup_at, tickers, account):
    bars = hourly([CALM, CALM])
    with pytest.raises(DataError, match=r"1 of 1 armed setups of backtest:s have no bar"):
        fills_log(setup_at(bar=7), bars, NO_ROLLS, tickers, account)
    with pytest.raises(DataError, match=r"X is not in reference\.tickers_dim"):
        fills_log(setup_at(), bars, NO_ROLLS, tickers.filter(pl.col("ticker") != "X"), account)
    with pytest.raises(ParamsError, match=r"fills_log\.markets has no entry for equity"):
        fills_log(setup_at(), bars, NO_ROLLS, tickers, account.model_copy(update={"markets": {}}))


@pytest.fixture
def rolled(frame):
    """Return the roll of product X to its next contract, at an hour after the start."""

    def build(hour, **given):
        return frame(FuturesRoll, product="X", ticker="XZ", previous="XU", held_from=[START + HOUR * hour], **given)

    return build


@pytest.mark.parametrize("side", [1, -1])
def test_a_position_leaves_its_contract_at_the_last_close(side, setup_at, hourly, rolled, trade):
    bars = pl.concat([hourly([CALM, CALM, (100, 100.5, 99.5, 100.25)]), hourly([CALM], price_factor=0.5, first=4)])
    found = trade(setup_at(side=side), bars, rolled(3.25))
    entry, left = found["fills_log"].sort("ts").iter_rows(named=True)
    assert left["ts"] == START + HOUR * 3.25
    assert left["price"] == pytest.approx(100.25 * (1 - side * 1e-3))
    assert (left["qty"], left["price_factor"]) == (entry["qty"], 1.0)
    order = found["orders_log"].filter(pl.col("order_id") == left["order_id"]).row(0, named=True)
    assert (order["type"], order["status"], order["ts_signal"]) == ("market", "filled", left["ts"])
    assert found["signals_history"].filter(action="EXIT")["reason"].to_list() == ["contract given up"]
    assert found["positions"].sort("ts")["qty"].to_list() == [side * entry["qty"], 0.0]
    assert found["active_signals"].is_empty()


def test_an_entry_that_waits_is_cancelled_with_its_contract(setup_at, hourly, rolled, trade):
    bars = pl.concat([hourly([CALM, CALM]), hourly([CALM, CALM], price_factor=0.5, first=2)])
    found = trade(setup_at(bar=1), bars, rolled(2))
    assert found["fills_log"].is_empty()
    assert found["orders_log"].select("status", "ts_done").rows() == [("cancelled", START + HOUR * 2)]
    assert found["active_signals"].is_empty()
    # one that is decided later is for the contract that follows, and in its lots
    later = trade(setup_at(bar=2), bars, rolled(2))["fills_log"]
    assert later["price_factor"].to_list() == [0.5]
    assert later["price"][0] == pytest.approx(200.2)
    assert later["qty"][0] == round(later["qty"][0])


def test_rolls_of_others_before_the_first_bar_and_first_contracts_change_nothing(setup_at, hourly, rolled, trade):
    bars = hourly([CALM] * 5)
    expected = trade(setup_at(), bars)
    first = rolled(2.5).with_columns(previous=pl.lit(None, pl.String))
    others = rolled(2.5).with_columns(product=pl.lit("Y"))
    for rolls in (first, others, rolled(-3)):
        found = trade(setup_at(), bars, rolls)
        for name in NAMES:
            assert_frame_equal(found[name], expected[name])
