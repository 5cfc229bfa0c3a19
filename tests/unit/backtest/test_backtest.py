from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.backtest.account import AccountParams
from tsis.backtest.backtest import backtest
from tsis.backtest.costs import MarketParams
from tsis.backtest.grid import grid, on_paths
from tsis.backtest.tape import Instrument, tape
from tsis.core.errors import DataError, ParamsError, UsageError

START, HOUR = datetime(2024, 3, 4, 10, tzinfo=UTC), timedelta(hours=1)
UTC_US = pl.Datetime("us", "UTC")
FREE = MarketParams(slippage_bps=0.0, max_leverage=10.0)
ACCOUNT = AccountParams(start_equity=10_000.0, max_positions=5, daily_loss_frac=1.0)


def bars_of(closes, ticker="X"):
    """Bars that open at the close before, the first at its own, and reach half a point farther on both sides."""
    close = np.asarray(closes, dtype=float)
    opened = np.concatenate((close[:1], close[:-1]))
    at = [START + HOUR * i for i in range(close.size)]
    prices = {"open": opened, "high": np.maximum(opened, close) + 0.5, "low": np.minimum(opened, close) - 0.5}
    times = {"ts_open": pl.Series(at, dtype=UTC_US), "ts_close": pl.Series(at, dtype=UTC_US) + HOUR}
    return pl.DataFrame({"ticker": [ticker] * close.size, **times, **prices, "close": close, "volume": 1_000.0})


def signal(bar, side=1, ticker="X", **given):
    row = {"ticker": ticker, "ts": START + HOUR * (bar + 1), "side": side, **given}
    return pl.DataFrame([row]).with_columns(pl.col("^ts|expires_at$").cast(UTC_US))


def test_two_tickers_share_the_cash():
    bars = pl.concat([bars_of([100] * 4), bars_of([50] * 4, "Y")])
    both = tape(bars, {"X": Instrument(FREE), "Y": Instrument(FREE)})
    asked = pl.concat([signal(0, size=0.7), signal(0, ticker="Y", size=0.7)])
    wide = backtest(both, asked, ACCOUNT)
    assert wide.fills.select("ticker", "qty").rows() == [("X", 70.0), ("Y", 140.0)]
    tight = backtest(both, asked, ACCOUNT.model_copy(update={"max_gross_frac": 1.0}))
    assert tight.fills["qty"].to_list() == [70.0, 60.0]
    hedged = pl.concat([signal(0, size=0.7), signal(0, side=-1, ticker="Y", size=0.7)])
    net = backtest(both, hedged, ACCOUNT.model_copy(update={"max_net_frac": 0.5}))
    assert net.fills["qty"].to_list() == [50.0, 140.0]  # shorts 7,000, and 12,000 more would reach the bound
    assert wide.curve.height == 4


def test_limits_of_a_position():
    bars = bars_of([100] * 4)
    small = FREE.model_copy(update={"max_position_frac": 0.25})
    assert backtest(tape(bars, {"X": Instrument(small)}), signal(0), ACCOUNT).fills["qty"].to_list() == [25.0]
    few = FREE.model_copy(update={"max_qty": 7.0})
    assert backtest(tape(bars, {"X": Instrument(few)}), signal(0), ACCOUNT).fills["qty"].to_list() == [7.0]
    lots = Instrument(FREE, multiplier=3.0, lot_size=4.0)
    assert backtest(tape(bars, {"X": lots}), signal(0), ACCOUNT).fills["qty"].to_list() == [32.0]  # 33.3 units
    none = backtest(tape(bars, {"X": Instrument(FREE, lot_size=1_000.0)}), signal(0), ACCOUNT)
    assert none.refused.rows() == [(0, "risk allows less than one lot")]


def test_funding_is_paid_by_time_and_value():
    market = FREE.model_copy(update={"long_rate_frac": 0.10, "short_rate_frac": -0.05})
    asked = [pl.concat([signal(0, side, size=50.0, sizing="units"), signal(2, 0)], how="diagonal") for side in (1, -1)]
    on = tape(bars_of([100] * 6), {"X": Instrument(market)})
    long, short = (backtest(on, signals, ACCOUNT).trades.row(0, named=True) for signals in asked)
    hours = 2 / (365.25 * 24)  # two bars
    assert long["funding"] == pytest.approx(5_000 * 0.10 * hours)
    assert short["funding"] == pytest.approx(-5_000 * 0.05 * hours)
    assert long["pnl"] == pytest.approx(-long["funding"])


def test_impact_grows_with_the_share_of_volume():
    market = MarketParams(slippage_bps=1.0, impact_bps=20.0, root_impact_bps=10.0)
    done = backtest(tape(bars_of([100] * 3), {"X": Instrument(market)}), signal(0, size=90.0, sizing="units"), ACCOUNT)
    expected = 100 * (1 + (1.0 + 20.0 * 0.09 + 10.0 * 0.3) / 1e4)
    assert done.fills["price"][0] == pytest.approx(expected, rel=1e-12)


def test_a_reversal_leaves_and_enters_at_the_same_open():
    asked = pl.concat([signal(0), signal(2, 0), signal(2, -1)])
    done = backtest(tape(bars_of([100, 100, 110, 110, 105]), {"X": Instrument(FREE)}), asked, ACCOUNT)
    assert done.fills.select("side", "qty", "price").rows() == [
        (1, 100.0, 100.0),
        (-1, 100.0, 110.0),
        (-1, 100.0, 110.0),
    ]
    assert done.trades["pnl"].to_list() == [1_000.0]
    assert done.equity[-1] == pytest.approx(11_000 + 500)


def test_orders_lapse_and_expire():
    on = tape(bars_of([100] * 8), {"X": Instrument(FREE)})
    waiting = {"order_type": "limit", "price": 90.0}
    done = backtest(on, signal(0, good_bars=2, **waiting), ACCOUNT)
    assert done.fills.is_empty()
    later = pl.concat([signal(0, good_bars=2, **waiting), signal(3)], how="diagonal")
    assert backtest(on, later, ACCOUNT).fills.height == 1
    held = pl.concat([signal(0, expires_at=START + 5 * HOUR, **waiting), signal(3)], how="diagonal")
    assert backtest(on, held, ACCOUNT).refused["reason"].to_list() == ["the ticker has a position"]


def test_a_state_goes_on():
    bars = bars_of([100, 101, 102, 99, 104, 103, 107])
    whole = backtest(tape(bars, {"X": Instrument(FREE)}), signal(1, stop=98.0, target=106.0), ACCOUNT)
    assert whole.trades["reason"].to_list() == ["target"]
    assert_frame_equal(whole.curve, pl.DataFrame({"ts_close": bars["ts_close"], "equity": whole.equity}))
    assert whole.trades["pnl"].sum() == pytest.approx(whole.equity[-1] - 10_000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b.reverse(), "7 of 8 bars close before the bar before them; sort"),
        (lambda b: b.with_columns(close=pl.lit(float("nan"))), "8 of 8 bars have a price that is missing"),
        (lambda b: b.with_columns(low=pl.lit(None, pl.Float64)), "have a price that is missing"),
        (lambda b: b.with_columns(low=pl.col("high") + 1), "outside low and high"),
        (lambda b: b.with_columns(pl.col("open", "high", "low", "close") * -1), "not above 0"),
        (lambda b: b.with_columns(volume=pl.lit(-1.0)), "volume that is missing or negative"),
        (lambda b: b.with_columns(price_factor=pl.lit(0.0)), "price_factor that is missing or not above 0"),
        (lambda b: b.with_columns(ts_open=pl.col("ts_close") + HOUR), "close before they open"),
    ],
)
def test_bars_that_are_refused(change, words):
    with pytest.raises(DataError, match=words):
        tape(change(bars_of([100 + i for i in range(8)])), {"X": Instrument(FREE)})


def test_what_bars_must_have():
    bars = bars_of([100] * 4)
    with pytest.raises(UsageError, match="X not in `instruments`"):
        tape(bars, {"Y": Instrument(FREE)})
    with pytest.raises(UsageError, match="no column low"):
        tape(bars.drop("low"), {"X": Instrument(FREE)})
    with pytest.raises(DataError, match="have no volume"):
        tape(bars.drop("volume"), {"X": Instrument(FREE.model_copy(update={"max_volume_frac": 0.1}))})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"side": 2}, "side that is not"),
        ({"size": 0.0}, "size that is not above 0"),
        ({"order_type": "limit"}, "without a price"),
        ({"sizing": "risk"}, "sized by risk without a stop"),
        ({"stop": 101.0}, "stop on the side of the gain"),
        ({"target": 99.0}, "target on the side of the loss"),
        ({"trail_frac": 1.0}, "trail_frac outside 0 to 1"),
        ({"bar": 9}, "not at the close of a bar"),
        ({"ticker": "Z"}, "signals of Z, of which there are no bars"),
    ],
)
def test_signals_that_are_refused(given, words):
    with pytest.raises(DataError, match=words):
        backtest(tape(bars_of([100] * 4), {"X": Instrument(FREE)}), signal(**{"bar": 0, **given}), ACCOUNT)


def test_words_and_columns_that_are_not_known():
    on = tape(bars_of([100] * 4), {"X": Instrument(FREE)})
    with pytest.raises(UsageError, match="order_type of market_on_close; known: market, limit, stop"):
        backtest(on, signal(0, order_type="market_on_close"), ACCOUNT)
    with pytest.raises(UsageError, match="unknown columns stop_loss"):
        backtest(on, signal(0, stop_loss=99.0), ACCOUNT)
    with pytest.raises(DataError, match="1 signals share their bar"):
        backtest(on, pl.concat([signal(0), signal(0, -1)]), ACCOUNT)


def test_nothing_in_nothing_out():
    on = tape(bars_of([100] * 4), {"X": Instrument(FREE)})
    done = backtest(on, signal(0).clear(), ACCOUNT)
    assert done.fills.is_empty()
    assert done.trades.is_empty()
    assert done.equity.tolist() == [10_000.0] * 4
    empty = tape(bars_of([100] * 4).clear(), {})
    assert backtest(empty, signal(0).clear(), ACCOUNT).equity.size == 0


def crossing(walk, fast):
    """Long while the close is above its mean of `fast` bars."""
    mean = np.convolve(walk, np.ones(fast) / fast, mode="valid")
    above = walk[fast - 1 :] > mean
    turns = np.flatnonzero(above[1:] != above[:-1]) + fast
    at = pl.Series([START + HOUR * (int(i) + 1) for i in turns], dtype=UTC_US)
    return pl.DataFrame({"ticker": ["X"] * turns.size, "ts": at, "side": above[turns - fast + 1].astype(int)})


@pytest.fixture(scope="module")
def walk():
    return 100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.002, 2_000)))


def test_a_grid_does_not_depend_on_its_threads(walk):
    on = tape(bars_of(walk), {"X": Instrument(MarketParams(slippage_bps=1.0, fee_bps=2.0))})
    sets = [{"fast": fast} for fast in range(3, 33)]

    def figures(done):
        return {"equity": float(done.equity[-1]), "n_trades": done.trade_pnl.size}

    one, many = (grid(on, ACCOUNT, sets, lambda fast: crossing(walk, fast), figures, n) for n in (1, 4))
    assert_frame_equal(one, many, check_exact=True)
    assert one["fast"].to_list() == list(range(3, 33))
    alone = backtest(on, crossing(walk, 7), ACCOUNT)
    assert one.filter(fast=7).row(0) == (7, alone.equity[-1], alone.trades.height)
    assert one["equity"].n_unique() == 30
    with pytest.raises(ParamsError, match="n_threads = 0"):
        grid(on, ACCOUNT, sets, lambda fast: crossing(walk, fast), figures, 0)


def test_each_path_has_a_result_of_its_own(walk):
    on = tape(bars_of(walk), {"X": Instrument(FREE)})
    decided = np.arange(50, 1_950, 50)
    sides = np.random.default_rng(1).choice([-1, 1], (5, decided.size))
    at = pl.Series([START + HOUR * (int(i) + 1) for i in decided], dtype=UTC_US)

    def signals_of(path):
        return pl.DataFrame({"ticker": ["X"] * path.size, "ts": at, "side": path, "max_bars": 20})

    found = on_paths(on, ACCOUNT, sides, signals_of, lambda done: {"equity": float(done.equity[-1])}, 2)
    assert found["path"].to_list() == [0, 1, 2, 3, 4]
    for path, equity in found.iter_rows():
        expected = 10_000.0
        for i, side in zip(decided, sides[path], strict=True):
            qty = np.floor(expected / walk[i] + 1e-9)
            expected += side * qty * (walk[i + 20] - walk[i])
        assert equity == pytest.approx(expected, rel=1e-9)
    with pytest.raises(DataError, match="needs \\(paths, rows\\)"):
        on_paths(on, ACCOUNT, sides[0], signals_of, lambda done: {})
