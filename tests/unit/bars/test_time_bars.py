import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tsis.bars import time_bars as module
from tsis.bars.empty_intervals import with_empty_intervals
from tsis.bars.session_coverage import SessionCoverageParams, session_coverage
from tsis.bars.session_grid import session_grid, session_intervals
from tsis.bars.sessions import calendar_sessions
from tsis.bars.trade_bars import Ticks, trade_bars
from tsis.core.bar_spec import parse_bar_spec
from tsis.core.errors import DataError, ParamsError, UsageError
from tsis.core.table import spec
from tsis.core.ticker_sessions import ticker_sessions
from tsis.kernels import bars as one_interval
from tsis.kernels.time_bars import initial_state
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.session_coverage import SessionCoverage
from tsis.tables.reference.sessions import Sessions

NAMES = ("time_1m", "time_5m", "time_15m", "time_60m", "time_1h", "time_1d")
SPECS = tuple(map(parse_bar_spec, NAMES))
HOUR = timedelta(hours=1)


def session_time_bars(trades, bars, days, over_until_us=-math.inf, state=None):
    state = initial_state(len(bars)) if state is None else state
    return module.session_time_bars(trades, bars, days, "IBM", 1.0, state, over_until_us)


def time_bars(trades, bars, over_until_us=-math.inf):
    return module.time_bars(trades, bars, "IBM", 2.0, initial_state(len(bars)), over_until_us)


def new_york(first, last, exchange="XNYS"):
    return calendar_sessions("XNYS", first, last).select(pl.lit(exchange).alias("exchange"), pl.all())


def tape(ts, price=None, size=None, price_factor=None, split_factor=None):
    us = np.array([int(moment.timestamp() * 1e6) for moment in ts], np.int64)
    ones = np.ones(us.size)
    pick = [ones if given is None else np.asarray(given, float) for given in (price, size, split_factor, price_factor)]
    return Ticks(us, np.arange(us.size), pick[0], pick[1], np.zeros(us.size, np.int8), pick[2], pick[3])


def random_tape(seed, first, last, n):
    random = np.random.default_rng(seed)
    us = np.sort(random.integers(int(first.timestamp() * 1e6), int(last.timestamp() * 1e6), n))
    factor = np.where(np.arange(n) < n // 3, 1.0, 2.0)
    price = 50.0 + 0.01 * np.cumsum(random.integers(-1, 2, n))
    size = random.integers(1, 30, n) * 0.1
    return Ticks(us, np.arange(n), price, size, random.integers(-1, 2, n).astype(np.int8), factor, factor * 1.1)


def test_all_specifications_at_once_equal_each_alone():
    trades = random_tape(1, datetime(2013, 10, 7, tzinfo=UTC), datetime(2013, 10, 11, tzinfo=UTC), 20_000)
    over = float(trades.ts_us[-1] + 3_000_000_000)
    together = time_bars(trades, SPECS, over)
    spec(InformationBars).schema.validate(together)
    for bar in SPECS:
        assert_frame_equal(
            together.filter(bar_spec=bar.name),
            trade_bars(trades, bar, "IBM", 2.0, one_interval.initial_state(), over),
            check_exact=True,
        )
    # an open bar is not emitted until its time is over
    assert time_bars(trades, SPECS).height < together.height


def test_bars_begin_with_the_session_and_end_with_it_on_half_days_too():
    days = new_york(date(2013, 11, 27), date(2013, 12, 2))
    ts = [opened + timedelta(minutes=m) for opened in days["open"] for m in range(-30, 420, 3)]
    found = session_time_bars(tape(ts), SPECS, days, 2e15)
    spec(InformationBars).schema.validate(found)
    hours = found.filter(bar_spec="time_60m")
    of_day = {day: hours.filter(pl.col("ts_open").dt.date() == day) for day in days["session"]}
    assert [of_day[day].height for day in days["session"]] == [7, 4, 7]
    wednesday, friday = of_day[date(2013, 11, 27)], of_day[date(2013, 11, 29)]
    assert wednesday["ts_open"].to_list() == [datetime(2013, 11, 27, 14, 30, tzinfo=UTC) + i * HOUR for i in range(7)]
    assert wednesday["ts_close"][-1] == datetime(2013, 11, 27, 21, tzinfo=UTC)
    # the day after Thanksgiving closes at 13:00 in New York
    assert friday["ts_open"][0] == datetime(2013, 11, 29, 14, 30, tzinfo=UTC)
    assert friday["ts_close"][-1] == datetime(2013, 11, 29, 18, tzinfo=UTC)
    sessions = found.filter(bar_spec="time_1d").select("ts_open", "ts_close", "n_ticks")
    assert sessions.rows() == [(*row, 130 if row[1].hour == 21 else 70) for row in days.select("open", "close").rows()]


def test_the_grid_follows_the_clock_of_the_exchange_over_a_change_of_time():
    days = new_york(date(2013, 11, 1), date(2013, 11, 4))  # clocks went back on 3 November
    ts = [opened + timedelta(minutes=m) for opened in days["open"] for m in (0, 59, 60, 61)]
    found = session_time_bars(tape(ts), SPECS[3:4], days)
    assert found["ts_open"].to_list()[:3] == [
        datetime(2013, 11, 1, 13, 30, tzinfo=UTC),
        datetime(2013, 11, 1, 14, 30, tzinfo=UTC),
        datetime(2013, 11, 4, 14, 30, tzinfo=UTC),
    ]


def test_a_session_without_trades_has_no_bar_and_coverage_says_so(tickers):
    days = new_york(date(2013, 11, 25), date(2013, 11, 29))
    with_trades = days.filter(pl.col("session") != date(2013, 11, 26))
    ts = [opened + timedelta(minutes=m) for opened in with_trades["open"] for m in (0, 1, 5, 209, 300)]
    made = session_time_bars(tape(ts), SPECS[:1], days, 2e15)
    assert made.filter(pl.col("ts_open").dt.date() == date(2013, 11, 26)).is_empty()
    found = session_coverage(
        information_bars=made,
        sessions=pl.concat([days, new_york(date(2013, 11, 25), date(2013, 11, 29), "XNAS")]),
        tickers_dim=tickers({"ticker": "IBM"}),
        params=SessionCoverageParams(),
    )
    spec(SessionCoverage).schema.validate(found)
    # Thursday was Thanksgiving; Friday's last minute before the early close was traded, but nothing proves it over
    assert found.select("session", "is_half_day", "n_intervals", "n_empty", "n_longest_empty").rows() == [
        (date(2013, 11, 25), False, 390, 385, 203),
        (date(2013, 11, 26), False, 390, 390, 390),
        (date(2013, 11, 27), False, 390, 385, 203),
        (date(2013, 11, 29), True, 210, 206, 203),
    ]
    assert found["ts_close"].to_list() == days["close"].to_list()


@settings(max_examples=8)
@given(st.integers(0, 1_000), st.integers(0, 3), st.integers(1, 500), st.floats(0.0, 1.0))
def test_coverage_counts_and_filled_grid_agree_with_a_set_of_minutes(seed, first_day, n, cut):
    days = new_york(date(2013, 11, 27), date(2013, 12, 3))
    begin = days["open"][first_day] - HOUR
    trades = random_tape(seed, begin, days["close"][-1] + HOUR, n)
    bars = session_time_bars(trades, SPECS[:2], days, 2e15)
    dim = pl.DataFrame({"ticker": ["IBM"], "exchange": ["XNYS"], "valid_from": [date(2000, 1, 1)]})
    if bars.is_empty():
        return

    def coverage(rows):
        params = SessionCoverageParams(bar_specs=("time_1m", "time_5m"))
        return session_coverage(information_bars=rows, sessions=days, tickers_dim=dim, params=params)

    found = coverage(bars)
    moments = [datetime.fromtimestamp(us / 1e6, UTC) for us in trades.ts_us.tolist()]
    for row in found.iter_rows(named=True):
        opened = days.row(by_predicate=pl.col("session") == row["session"], named=True)["open"]
        length = timedelta(minutes=1 if row["bar_spec"] == "time_1m" else 5)
        traded = {(ts - opened) // length for ts in moments if opened <= ts < row["ts_close"]}
        empty = [i not in traded for i in range((row["ts_close"] - opened) // length)]
        assert (row["n_intervals"], row["n_empty"]) == (len(empty), sum(empty))
        runs = "".join("e" if is_empty else " " for is_empty in empty).split()
        assert row["n_longest_empty"] == max(map(len, runs), default=0)

    # law 2: what is known at a time does not depend on what comes
    now = bars["ts_close"].sort()[int(cut * (bars.height - 1))]
    past = bars.filter(pl.col("ts_close") <= now)
    assert_frame_equal(coverage(past), found.filter(pl.col("ts_close") <= now))
    for name, length in (("time_1m", 60_000_000), ("time_5m", 300_000_000)):
        series = bars.filter(bar_spec=name)
        if series.is_empty():
            continue
        grid = with_empty_intervals(series, days)
        assert_frame_equal(grid.filter(pl.col("n_ticks") > 0), series, check_exact=True)
        _, starts, ends = session_intervals(days, length)
        is_on = (starts >= series["ts_open"].to_physical()[0]) & (ends <= series["ts_close"].to_physical()[-1])
        assert grid["ts_open"].to_physical().to_list() == starts[is_on].tolist()
        assert grid["ts_close"].to_physical().to_list() == ends[is_on].tolist()
        made = grid.with_columns(before=pl.col("close").shift(1)).filter(pl.col("n_ticks") == 0)
        assert (made["open"] == made["before"]).all()
        assert made["volume"].sum() == 0.0
        known = with_empty_intervals(past.filter(bar_spec=name), days)
        assert_frame_equal(known, grid.head(known.height), check_exact=True)


def test_a_vendors_series_keeps_what_it_does_not_know():
    days = new_york(date(2013, 11, 27), date(2013, 11, 28))
    ts = [days["open"][0], days["open"][0] + timedelta(minutes=3)]
    unknown = [pl.lit(None).cast(pl.Float64).alias(name) for name in ("buy_volume", "sell_volume", "imbalance", "vwap")]
    bars = session_time_bars(tape(ts), SPECS[:1], days, 2e15).with_columns(unknown)
    grid = with_empty_intervals(bars, days)
    spec(InformationBars).schema.validate(grid)
    assert grid["n_ticks"].to_list() == [1, 0, 0, 1]
    assert grid["buy_volume"].null_count() == 4


def test_pieces_with_the_state_between_give_the_bars_of_the_whole():
    days = new_york(date(2013, 11, 27), date(2013, 12, 3))
    trades = random_tape(7, days["open"][0], days["close"][-1], 900)
    whole, state, pieces = session_time_bars(trades, SPECS, days), initial_state(len(SPECS)), []
    for first, last in ((0, 0), (0, 333), (333, 334), (334, 900)):
        piece = Ticks(**{name: column[first:last] for name, column in vars(trades).items()})
        pieces.append(session_time_bars(piece, SPECS, days, state=state))
    assert whole.height > 300
    assert_frame_equal(pl.concat(pieces).sort("bar_spec", "ts_close"), whole, check_exact=True)


def test_nothing_gives_nothing():
    days = new_york(date(2013, 11, 27), date(2013, 11, 28))
    empty = spec(InformationBars).empty()
    assert_frame_equal(time_bars(tape([]), SPECS), empty)
    assert_frame_equal(session_time_bars(tape([]), SPECS, days), empty)
    assert_frame_equal(session_time_bars(tape(days["open"]), SPECS, days.clear(), 2e15), empty)
    assert_frame_equal(time_bars(tape(days["open"]), []), empty)
    assert_frame_equal(with_empty_intervals(empty, days), empty)


def test_what_makes_no_bars_is_refused():
    days = new_york(date(2013, 11, 27), date(2013, 11, 29))
    backwards = tape([days["close"][0], days["open"][0]])
    with pytest.raises(DataError, match=r"trades of IBM: 1 go back in time \(first: row 1\)"):
        time_bars(backwards, SPECS)
    with pytest.raises(UsageError, match="not dollar_5M"):
        time_bars(tape([]), [parse_bar_spec("dollar_5M")])
    with pytest.raises(UsageError, match="once, not time_1m, time_1m"):
        time_bars(tape([]), [SPECS[0], SPECS[0]])
    with pytest.raises(DataError, match=r"2 sessions end before they begin .*2013-11-27"):
        session_grid(pl.concat([days, days]))
    with pytest.raises(ParamsError, match="time_1d is no time bar shorter than a day"):
        SessionCoverageParams(bar_specs=("time_1d",))
    bars = session_time_bars(tape(days["open"]), SPECS[:2], days, 2e15)
    with pytest.raises(DataError, match="2 series"):
        with_empty_intervals(bars, days)
    with pytest.raises(DataError, match=r"1 series .*time_1d"):
        with_empty_intervals(session_time_bars(tape(days["open"]), SPECS[5:], days, 2e15), days)


def test_a_ticker_that_moved_has_the_sessions_of_the_exchange_of_its_time(tickers):
    dim = tickers(
        {"ticker": "IBM", "exchange": "XNAS", "valid_from": date(2013, 11, 26)},
        {"ticker": "IBM", "exchange": "XNYS", "valid_from": date(2013, 11, 28)},
        {"ticker": "BAC", "exchange": "XLON"},
    )
    week = date(2013, 11, 25), date(2013, 11, 29)
    days = pl.concat([new_york(*week), new_york(*week, exchange="XNAS"), new_york(*week, exchange="XLON")])
    found = ticker_sessions(days, dim, "IBM")
    assert found.select("session", "exchange").rows() == [
        (date(2013, 11, 25), "XNAS"),
        (date(2013, 11, 26), "XNAS"),
        (date(2013, 11, 27), "XNAS"),
        (date(2013, 11, 29), "XNYS"),
    ]
    assert found.schema == spec(Sessions).polars_schema
    assert ticker_sessions(days, dim, "ABC").is_empty()
