from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.analytics.pnl_daily import PnlDailyParams, pnl_daily
from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.tables.analytics.pnl_daily import PnlDaily
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.orders_log import OrdersLog
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.setups import Setups

DAY = timedelta(days=1)
CLOSE = datetime(2020, 1, 1, 21, tzinfo=UTC)
OPEN = datetime(2020, 1, 1, 15, tzinfo=UTC)
PARAMS = PnlDailyParams(start_equity=10_000.0)


@pytest.fixture
def inputs(frame):
    """X closes at 100..106 on 1 to 7 January, 50 a point; a split on the 5th; first setup on the 2nd.

    Two units are bought on the 3rd at 102.5, four (split) sold on the 6th at 105.5 / 2; each fill costs 3.
    """
    closes = [CLOSE + i * DAY for i in range(7)]
    prices = [100.0 + i for i in range(7)]
    return {
        "setups": frame(
            Setups,
            ml_score=0.7,
            session_id="backtest:s",
            origin="backtest",
            model="s",
            ticker=["X"],
            bar_spec="time_1d",
            t0=closes[1],
        ),
        "orders_log": frame(
            OrdersLog, session_id="backtest:s", order_id=["a", "b"], ticker="X", side=["buy", "sell"], type="market"
        ),
        "fills_log": frame(
            FillsLog,
            session_id="backtest:s",
            fill_id=["a", "b"],
            order_id=["a", "b"],
            ts=[OPEN + 2 * DAY, OPEN + 5 * DAY],
            ticker="X",
            side=["buy", "sell"],
            qty=[2.0, 4.0],
            price=[102.5, 105.5 / 2],
            fee=3.0,
            funding=0.0,
            price_factor=[1.0, 2.0],
        ),
        "information_bars": frame(
            InformationBars,
            ticker="X",
            bar_spec="time_1d",
            ts_close=closes,
            close=prices,
            high=prices,
            price_factor=[1.0] * 4 + [2.0] * 3,
        ),
        "tickers_dim": frame(TickersDim, ticker=["X"], multiplier=50.0),
    }


def test_every_day_is_marked_to_its_close(inputs):
    found = pnl_daily(**inputs, params=PARAMS)
    spec(PnlDaily).schema.validate(found)
    assert found["date"].to_list() == [date(2020, 1, day) for day in range(2, 8)]
    held = [10_000 - 3 + 2 * 50 * (close - 102.5) for close in (102, 103, 104)]
    closed = 10_000 - 6 + 2 * 50 * (105.5 - 102.5)
    assert found["equity"].to_list() == pytest.approx([10_000.0, *held, closed, closed])
    assert found["pnl"].sum() == pytest.approx(closed - 10_000)
    assert found["n_fills"].to_list() == [0, 1, 0, 0, 1, 0]
    assert found["fees"].to_list() == [0, 3, 0, 0, 3, 0]
    assert found["turnover"].to_list() == pytest.approx([0, 10_250, 0, 0, 10_550, 0])
    assert found["ret_frac"][1] == pytest.approx(-53 / 10_000)
    assert (1 + found["ret_frac"]).product() == pytest.approx(closed / 10_000)


def test_days_without_trades_count_as_zero(inputs):
    idle = inputs | {"fills_log": inputs["fills_log"].clear()}
    found = pnl_daily(**idle, params=PARAMS)
    assert found["ret_frac"].to_list() == [0.0] * 6


def test_midnight_belongs_to_the_day_that_ends(inputs, frame):
    at = [datetime(2020, 1, 2, tzinfo=UTC) + timedelta(hours=12 * i) for i in range(5)]
    bars = frame(InformationBars, ticker="X", bar_spec="time_1d", ts_close=at, close=100.0, high=100.0)
    found = pnl_daily(
        **(inputs | {"information_bars": bars, "setups": inputs["setups"].with_columns(t0=at[0])}), params=PARAMS
    )
    assert found["date"].to_list() == [date(2020, 1, day) for day in (1, 2, 3)]


@pytest.mark.parametrize(
    ("order", "day"),
    [("market", date(2020, 1, 3)), ("stop", date(2020, 1, 2)), ("limit", date(2020, 1, 2))],
)
def test_a_fill_at_midnight_belongs_to_the_day_of_its_bar(inputs, frame, order, day):
    """Hourly bars from 22:00 to 02:00: the exit at 00:00 is at the open of a bar or at the close of the one before."""
    hour, midnight = timedelta(hours=1), datetime(2020, 1, 3, tzinfo=UTC)
    opens = [midnight + i * hour for i in (-2, -1, 0, 1)]
    prices = [100.0, 101.0, 90.0, 91.0]
    changed = {
        "information_bars": frame(
            InformationBars,
            ticker="X",
            bar_spec="time_1h",
            ts_open=opens,
            ts_close=[at + hour for at in opens],
            close=prices,
            high=prices,
        ),
        "setups": inputs["setups"].with_columns(bar_spec=pl.lit("time_1h"), t0=opens[1]),
        "orders_log": inputs["orders_log"].with_columns(type=pl.Series(["market", order])),
        "fills_log": inputs["fills_log"].with_columns(
            ts=pl.Series([opens[1], midnight]), qty=2.0, price=pl.Series([100.0, 95.0]), fee=0.0, price_factor=1.0
        ),
    }
    found = pnl_daily(**(inputs | changed), params=PARAMS)
    assert found["date"].to_list() == [date(2020, 1, 2), date(2020, 1, 3)]
    assert found["n_fills"].to_list() == ([1, 1] if day == date(2020, 1, 3) else [2, 0])
    # the loss of the exit counts on its day; until then the position is worth its last close
    lost = 2 * 50 * -5.0
    assert found["pnl"].to_list() == ([100.0, lost - 100.0] if day == date(2020, 1, 3) else [lost, 0.0])


def test_a_fill_in_a_bar_over_midnight_belongs_to_the_day_on_which_the_bar_ends(inputs, frame):
    opens = [datetime(2020, 1, 2, hour, 30, tzinfo=UTC) for hour in (22, 23)]
    bars = frame(
        InformationBars,
        ticker="X",
        bar_spec="time_1d",
        ts_open=opens,
        ts_close=[at + timedelta(hours=1) for at in opens],
        close=[100.0, 101.0],
        high=[100.0, 101.0],
    )
    entry = inputs["fills_log"].head(1).with_columns(ts=pl.lit(opens[1], inputs["fills_log"].schema["ts"]), price=100.0)
    changed = {
        "information_bars": bars,
        "setups": inputs["setups"].with_columns(t0=opens[1]),
        "fills_log": entry,
    }
    found = pnl_daily(**(inputs | changed), params=PARAMS)
    assert found.select("date", "n_fills", "pnl").rows() == [
        (date(2020, 1, 2), 0, 0.0),
        (date(2020, 1, 3), 1, 2 * 50 * 1.0 - 3.0),
    ]


def test_only_the_series_of_the_strategy_make_days(inputs, frame):
    other = frame(InformationBars, ticker="X", bar_spec="time_1h", ts_close=[CLOSE + 30 * DAY], close=500.0, high=500.0)
    more = inputs | {"information_bars": pl.concat([inputs["information_bars"], other])}
    assert_frame_equal(pnl_daily(**more, params=PARAMS), pnl_daily(**inputs, params=PARAMS))


def test_a_ticker_without_a_bar_that_day_keeps_its_last_close(inputs, frame):
    second = frame(InformationBars, ticker="Y", bar_spec="time_1d", ts_close=[CLOSE + 9 * DAY], close=7.0, high=7.0)
    both = inputs | {
        "information_bars": pl.concat([inputs["information_bars"], second]),
        "setups": pl.concat(
            [inputs["setups"], inputs["setups"].with_columns(ticker=pl.lit("Y"), signal_id=pl.lit("y"))]
        ),
        "tickers_dim": pl.concat([inputs["tickers_dim"], inputs["tickers_dim"].with_columns(ticker=pl.lit("Y"))]),
        "fills_log": inputs["fills_log"].head(1),
    }
    found = pnl_daily(**both, params=PARAMS)
    assert found["date"].to_list()[-1] == date(2020, 1, 10)
    assert found["equity"].to_list()[-2:] == [pytest.approx(10_000 - 3 + 100 * 3.5)] * 2


def test_orphan_fills_and_unknown_tickers_are_named(inputs):
    with pytest.raises(DataError, match="fills of backtest:s have no setups"):
        pnl_daily(**(inputs | {"setups": inputs["setups"].clear()}), params=PARAMS)
    with pytest.raises(DataError, match=r"X not in reference\.tickers_dim"):
        pnl_daily(**(inputs | {"tickers_dim": inputs["tickers_dim"].clear()}), params=PARAMS)


def test_nothing_in_nothing_out_and_inputs_stay(inputs):
    empty = pnl_daily(**{table.table: table.empty() for table in pnl_daily.reads}, params=PARAMS)
    assert empty.schema == spec(PnlDaily).polars_schema
    copies = {name: rows.clone() for name, rows in inputs.items()}
    pnl_daily(**inputs, params=PARAMS)
    for name, rows in inputs.items():
        assert_frame_equal(rows, copies[name])
