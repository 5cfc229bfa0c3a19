"""Twenty trades worked out by hand, one after the other in one account.

A market order or a stop pays one tick of 0.05 against its reference, a limit order nothing. A fill costs 0.01 a unit
and an order at least 1.00. A bar fills at most half of its volume, which is 1,000 where nothing else is said. Each
trade begins with a calm bar that closes at 100, at which it is decided.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tsis.backtest.account import AccountParams
from tsis.backtest.backtest import backtest
from tsis.backtest.costs import MarketParams
from tsis.backtest.tape import Instrument, tape

START, MINUTE = datetime(2024, 3, 4, 14, 30, tzinfo=UTC), timedelta(minutes=1)
CALM = (100, 101, 99, 100)
UP = (101, 105, 100, 104)
MARKET = MarketParams(
    slippage_bps=0, slippage_ticks=1, fee_per_unit=0.01, min_fee=1.0, max_leverage=20, max_volume_frac=0.5
)
LONG = {"side": 1, "stop": 98.0, "target": 104.0}
SHORT = {"side": -1, "stop": 102.0, "target": 96.0}

# By name the signal, the bars after the calm one (open, high, low, close and, where not 1,000, volume),
# the fills (price, quantity), what they cost, what the trade made, and why it ended.
TRADES = {
    # (104 - 100.05) * 100 - 2 of fees
    "target": (LONG, [CALM, UP], [(100.05, 100), (104, 100)], 2.0, 393.0, "target"),
    # (97.95 - 100.05) * 100 - 2 of fees
    "stop": (LONG, [CALM, (99, 99.5, 97.5, 98)], [(100.05, 100), (97.95, 100)], 2.0, -212.0, "stop"),
    # the open is below the stop: (95.95 - 100.05) * 100 - 2
    "gap through the stop": (LONG, [CALM, (96, 97, 95, 96)], [(100.05, 100), (95.95, 100)], 2.0, -412.0, "stop"),
    # which was first is not known, so the stop was: as above
    "both touched on the bar of the entry": (
        LONG, [(100, 105, 97, 104)], [(100.05, 100), (97.95, 100)], 2.0, -212.0, "stop",
    ),
    # a limit order fills at the better open: (105 - 100.05) * 100 - 2
    "gap through the target": (LONG, [CALM, (105, 106, 104.5, 105)], [(100.05, 100), (105, 100)], 2.0, 493.0, "target"),
    # (99.95 - 96) * 100 - 2 of fees
    "short target": (SHORT, [CALM, (99, 100, 95, 96)], [(99.95, 100), (96, 100)], 2.0, 393.0, "target"),
    # (99.95 - 103.05) * 100 - 2 of fees
    "short gap through the stop": (
        SHORT, [CALM, (103, 104, 102.5, 103)], [(99.95, 100), (103.05, 100)], 2.0, -312.0, "stop",
    ),
    # bought at 99 without slippage: (104 - 99) * 100 - 2
    "limit entry": (
        {**LONG, "order_type": "limit", "price": 99.0, "stop": 97.0},
        [(100, 100.5, 98.8, 99.5), UP], [(99, 100), (104, 100)], 2.0, 498.0, "target",
    ),
    # opens below the limit and fills there: (104 - 98.5) * 100 - 2
    "limit entry at a better open": (
        {**LONG, "order_type": "limit", "price": 99.0, "stop": 97.0},
        [(98.5, 99, 98, 98.8), UP], [(98.5, 100), (104, 100)], 2.0, 548.0, "target",
    ),
    # triggered at 101: (104 - 101.05) * 100 - 2
    "stop entry": (
        {**LONG, "order_type": "stop", "price": 101.0},
        [(100, 102, 99.5, 101.5), (102, 105, 101, 104)], [(101.05, 100), (104, 100)], 2.0, 293.0, "target",
    ),
    # opens beyond the trigger: (104 - 102.05) * 100 - 2
    "stop entry through a gap": (
        {**LONG, "order_type": "stop", "price": 101.0},
        [(102, 103, 101, 102), (102, 105, 101, 104)], [(102.05, 100), (104, 100)], 2.0, 193.0, "target",
    ),
    # the bar goes to 102 and to 97; as if to 97 last: (97.95 - 101.05) * 100 - 2
    "stopped in the bar of a stop entry": (
        {**LONG, "order_type": "stop", "price": 101.0},
        [(100, 102, 97, 101)], [(101.05, 100), (97.95, 100)], 2.0, -312.0, "stop",
    ),
    # 2 % below the best price, 110, is 107.80: (107.75 - 100.05) * 100 - 2
    "trailing stop": (
        {"side": 1, "trail_frac": 0.02},
        [(100, 110, 99, 109), (108.5, 109, 107, 108)], [(100.05, 100), (107.75, 100)], 2.0, 768.0, "trailing stop",
    ),
    # two bars are over at the third open: (100.95 - 100.05) * 100 - 2
    "time is over": (
        {**LONG, "max_bars": 2}, [CALM, CALM, (101, 102, 100.5, 101)], [(100.05, 100), (100.95, 100)], 2.0, 88.0,
        "expired",
    ),
    # told to leave at the close of the second bar: (101.95 - 100.05) * 100 - 2
    "exit signal": (
        {**LONG, "leave": 2}, [CALM, CALM, (102, 103, 101, 102)], [(100.05, 100), (101.95, 100)], 2.0, 188.0,
        "exit signal",
    ),
    # 400 trade, so 200 fill, the rest at the next open: 200 * 3.95 + 100 * 3.45 - 2 - 1 - 3
    "entry in two parts": (
        {**LONG, "size": 300.0}, [(*CALM, 400), (100.5, 101, 99, 100), UP],
        [(100.05, 200), (100.55, 100), (104, 300)], 6.0, 1_129.0, "target",
    ),
    # 200 fill at the stop, the rest at the next open: 200 * -2.1 + 100 * -3.1 - 3 - 2 - 1
    "stop in two parts": (
        {**LONG, "size": 300.0}, [CALM, (99, 99.5, 97.5, 98, 400), (97, 98, 96, 97)],
        [(100.05, 300), (97.95, 200), (96.95, 100)], 6.0, -736.0, "stop",
    ),
    # a limit order waits at its price for the rest: 300 * 3.95 - 3 - 2 - 1
    "target in two parts": (
        {**LONG, "size": 300.0}, [CALM, (*UP, 400), (103, 105, 102, 104.5)],
        [(100.05, 300), (104, 200), (104, 100)], 6.0, 1_179.0, "target",
    ),
    # 50 units cost 0.50 by rate, but 1.00 at least: 50 * 3.95 - 2
    "least commission": ({**LONG, "size": 50.0}, [CALM, UP], [(100.05, 50), (104, 50)], 2.0, 195.5, "target"),
    # 100 trade, so 50 fill for 1.00; with the other 30 the order comes to 0.80 by rate: nothing more is due.
    # 80 * (94.95 - 100.05) - 1 - 0 - 1 of fees
    "least commission of an order in two parts": (
        {**LONG, "size": 80.0}, [(*CALM, 100), CALM, (95, 96, 94, 95)],
        [(100.05, 50), (100.05, 30), (94.95, 80)], 2.0, -410.0, "stop",
    ),
}  # fmt: skip
TOTAL = 3_752.5
"""393 - 212 - 412 - 212 + 493 + 393 - 312 + 498 + 548 + 293 + 193 - 312 + 768 + 88 + 188 + 1129 - 736 + 1179 + 195.5
- 410."""


@pytest.fixture(scope="module")
def done():
    bars, signals = [], []
    for given, path, *_ in TRADES.values():
        decided = len(bars)
        bars += [(*CALM, 1_000), *((*bar, 1_000)[:5] for bar in path)]
        leave = given.get("leave")
        signal = {"sizing": "units", "size": 100.0, **{k: v for k, v in given.items() if k != "leave"}}
        signals.append({"ts": START + MINUTE * (decided + 1), **signal})
        if leave:
            signals.append({"ts": START + MINUTE * (decided + 1 + leave), "side": 0})
    opens = [START + MINUTE * i for i in range(len(bars))]
    columns = dict(zip(("open", "high", "low", "close", "volume"), map(list, zip(*bars, strict=True)), strict=True))
    times = {"ts_open": opens, "ts_close": [at + MINUTE for at in opens]}
    frame = pl.DataFrame({"ticker": "X", **times, **columns}, strict=False).with_columns(
        pl.col("ts_open", "ts_close").cast(pl.Datetime("us", "UTC")), pl.col(*columns).cast(pl.Float64)
    )
    proposed = pl.DataFrame(signals, infer_schema_length=None).with_columns(
        pl.lit("X").alias("ticker"), pl.col("ts").cast(pl.Datetime("us", "UTC"))
    )
    account = AccountParams(start_equity=100_000.0, daily_loss_frac=1.0)
    return backtest(tape(frame, {"X": Instrument(MARKET, tick_size=0.05)}), proposed, account)


def test_there_are_twenty():
    assert len(TRADES) == 20
    assert sum(pnl for *_, pnl, _ in TRADES.values()) == TOTAL


@pytest.mark.parametrize("number", range(20), ids=list(TRADES))
def test_a_trade(done, number):
    given, _, fills, fees, pnl, reason = list(TRADES.values())[number]
    trade = done.trades.row(number, named=True)
    made = done.fills.filter(pl.col("signal") == trade["signal"])
    assert made.select("price", "qty").rows() == [pytest.approx(fill, rel=1e-12) for fill in fills]
    assert trade["side"] == given["side"]
    assert trade["n_fills"] == len(fills)
    assert trade["reason"] == reason
    assert trade["fees"] == pytest.approx(fees, rel=1e-12)
    assert trade["pnl"] == pytest.approx(pnl, rel=1e-9)
    assert done.trade_pnl[number] == pytest.approx(pnl, rel=1e-9)


def test_the_account_ends_with_the_sum(done):
    assert done.trades.height == 20
    assert done.refused.is_empty()
    assert done.equity[-1] == pytest.approx(100_000 + TOTAL, rel=1e-12)
    assert done.curve["equity"][-1] == done.equity[-1]
    assert done.trades["pnl"].sum() == pytest.approx(TOTAL, rel=1e-9)
