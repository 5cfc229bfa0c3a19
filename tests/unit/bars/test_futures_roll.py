import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tsis.bars.continuous_futures import as_one_ticker, by_difference, by_ratio, held_rows
from tsis.bars.futures_roll import FuturesRollParams, futures_roll, roll_calendar
from tsis.bars.trade_bars import ticks, trade_bars
from tsis.core.bar_spec import parse_bar_spec
from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.kernels.bars import initial_state
from tsis.tables.processed_features.daily_cache import DailyCache
from tsis.tables.processed_features.futures_roll import FuturesRoll
from tsis.tables.reference.contracts_dim import ContractsDim
from tsis.tables.reference.tickers_dim import TickersDim

FIRST = date(2013, 9, 2)
DAILY = {
    "ticker": pl.String,
    "date": pl.Date,
    "ts_close": pl.Datetime("us", "UTC"),
    "close": pl.Float64,
    "volume": pl.Float64,
}


def close_of(day):
    return datetime(2013, 9, 2, 21, tzinfo=UTC) + timedelta(days=day)


def daily(**contracts):
    """Return daily bars: ``ESU3={day: (close, volume)}``."""
    rows = [
        (ticker, FIRST + timedelta(days=day), close_of(day), float(close), float(volume))
        for ticker, days in contracts.items()
        for day, (close, volume) in days.items()
    ]
    return pl.DataFrame(rows, schema=DAILY, orient="row")


def contracts(product="ES", **expiries):
    rows = [(ticker, product, FIRST + timedelta(days=day), close_of(-900)) for ticker, day in expiries.items()]
    return spec(ContractsDim).schema.validate(pl.DataFrame(rows, schema=spec(ContractsDim).polars_schema, orient="row"))


def days_of(rolls):
    return [(row["decided_on"].day - 2, row["ticker"]) for row in rolls.iter_rows(named=True)]


THREE = daily(
    ESU3={0: (100, 90), 1: (101, 80), 2: (102, 40), 3: (103, 99)},
    ESZ3={0: (98, 1), 1: (99, 80), 2: (99.5, 60), 3: (100, 50), 4: (101, 50), 5: (103, 20)},
    ESH4={4: (96, 10), 5: (97, 30), 6: (99, 10)},
)
EXPIRIES = contracts(ESU3=18, ESZ3=108, ESH4=200)


def test_the_first_session_of_more_volume_decides_and_there_is_no_way_back():
    found = spec(FuturesRoll).schema.validate(roll_calendar(THREE, EXPIRIES))
    assert days_of(found) == [(0, "ESU3"), (2, "ESZ3"), (5, "ESH4")]
    assert found["held_from"].to_list() == [close_of(0), close_of(2), close_of(5)]
    assert found["previous"].to_list() == [None, "ESU3", "ESZ3"]
    assert found["previous_volume"].to_list() == [None, 40.0, 20.0]
    assert found["gap_quote"].to_list() == [0.0, -2.5, -6.0]
    assert found["cum_gap_quote"].to_list() == [0.0, -2.5, -8.5]
    assert found["cum_gap_ratio"].to_list() == pytest.approx([1.0, 99.5 / 102, 99.5 / 102 * 97 / 103])


def test_changes_of_the_continuous_series_are_those_of_the_contract_held():
    rolls = roll_calendar(THREE, EXPIRIES)
    held = held_rows(THREE, rolls, "ts_close")
    assert held.select("ticker", "close").rows() == [
        ("ESU3", 101.0),
        ("ESU3", 102.0),
        ("ESZ3", 100.0),
        ("ESZ3", 101.0),
        ("ESZ3", 103.0),
        ("ESH4", 99.0),
    ]
    by_gap, by_factor = by_difference(held, ["close"])["close"], by_ratio(held, ["close"])["close"]
    assert by_gap.to_list() == [101.0, 102.0, 102.5, 103.5, 105.5, 107.5]
    # over both rolls the change is the new contract's own: 99.5 to 100, and 97 to 99
    returns = (by_factor / by_factor.shift(1)).drop_nulls()
    assert returns.to_list() == pytest.approx([102 / 101, 100 / 99.5, 101 / 100, 103 / 101, 99 / 97])


def test_months_without_a_market_are_passed_over():
    found = roll_calendar(
        daily(GCG4={0: (9, 50), 1: (9, 10)}, GCH4={0: (8, 0), 1: (8, 11)}, GCJ4={0: (7, 5), 1: (7, 60)}),
        contracts("GC", GCG4=20, GCH4=40, GCJ4=60),
    )
    assert days_of(found) == [(0, "GCG4"), (1, "GCJ4")]


def test_a_contract_is_given_up_on_the_session_on_which_it_expires():
    rows = daily(ESU3={0: (100, 90), 1: (101, 80), 2: (102, 70)}, ESZ3={0: (98, 5), 1: (98, 5), 2: (98, 5)})
    assert days_of(roll_calendar(rows, contracts(ESU3=1, ESZ3=90))) == [(0, "ESU3"), (1, "ESZ3")]
    # without anything to follow it stays, and a contract is not taken on its last session
    assert days_of(roll_calendar(rows, contracts(ESU3=1, ESZ3=2))) == [(0, "ESU3"), (1, "ESZ3")]
    assert days_of(roll_calendar(rows, contracts(ESU3=0, ESZ3=90))) == [(0, "ESZ3")]


def test_a_contract_without_volume_is_not_taken_and_one_without_bars_gives_way():
    rows = daily(ESU3={0: (100, 90), 1: (101, 80)}, ESZ3={1: (98, 0), 2: (99, 0), 4: (97, 1)})
    found = roll_calendar(rows, contracts(ESU3=18, ESZ3=108))
    assert days_of(found) == [(0, "ESU3"), (4, "ESZ3")]
    # the gap is that of the last session on which both closed
    assert found["compared_on"].to_list() == [None, FIRST + timedelta(days=1)]
    assert found["gap_quote"].to_list() == [0.0, -3.0]


def test_contracts_that_never_met_are_joined_at_the_last_close():
    rows = daily(ESU3={0: (100, 90), 1: (101, 80)}, ESZ3={3: (97, 1)})
    found = roll_calendar(rows, contracts(ESU3=18, ESZ3=108))
    assert found.select("compared_on", "gap_quote").rows()[1] == (None, -4.0)


PRODUCTS = st.lists(
    st.dictionaries(st.integers(0, 11), st.tuples(st.integers(50, 150), st.integers(0, 6)), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
)


def naive(rows, expiries):
    """Walk through the closes with dictionaries."""
    order = expiries.sort("expires_on")["ticker"].to_list()
    ends = dict(expiries.select("ticker", "expires_on").iter_rows())
    held, decided = None, []
    for now in sorted(rows["ts_close"].unique()):
        day = rows.filter(pl.col("ts_close") == now)["date"][0]
        known = rows.filter((pl.col("date") == day) & (pl.col("ts_close") <= now))
        volume = dict(known.select("ticker", "volume").iter_rows())
        later = order if held is None else order[order.index(held) + 1 :]
        offers = {t: volume[t] for t in later if volume.get(t, 0) > 0 and ends[t] > day}
        if not offers:
            continue
        best = max(offers, key=offers.get)
        if held is None or ends[held] <= day or offers[best] > volume.get(held, 0):
            decided.append((now, best))
            held = best
    return decided


@settings(max_examples=25)
@given(PRODUCTS, st.lists(st.integers(1, 14), min_size=4, max_size=4, unique=True), st.integers(0, 23), st.booleans())
def test_equals_the_rule_and_never_changes_the_past(product, expiries, cut, is_staggered):
    names = [f"C{j}" for j in range(len(product))]
    rows = daily(**dict(zip(names, product, strict=True)))
    if is_staggered:  # every other contract closes an hour later
        is_late = pl.col("ticker").is_in(names[1::2])
        rows = rows.with_columns(pl.col("ts_close") + pl.when(is_late).then(timedelta(hours=1)).otherwise(timedelta(0)))
    dim = contracts("C", **dict(zip(names, expiries, strict=False)))
    before = rows.clone()
    found = roll_calendar(rows.sample(fraction=1.0, shuffle=True, seed=1), dim.reverse())
    assert found.select("held_from", "ticker").rows() == naive(rows, dim)
    assert_frame_equal(rows, before)
    # law 2 and 4: what is known at a time is the beginning of the whole
    now = close_of(cut // 2) + timedelta(hours=cut % 2)
    known = roll_calendar(rows.filter(pl.col("ts_close") <= now), dim)
    assert_frame_equal(known, found.filter(pl.col("held_from") <= now), check_exact=True)
    ends = found.join(dim, on="ticker", maintain_order="left")["expires_on"].to_list()
    assert ends == sorted(set(ends))
    # within a contract the adjusted series has the changes of the raw one
    held = by_difference(held_rows(rows, found, "ts_close"), ["close"]).join(rows, on=["ticker", "ts_close"])
    for _, part in held.sort("ts_close").group_by("ticker"):
        assert np.allclose(np.diff(part["close"]), np.diff(part["close_right"]), atol=1e-9)


def test_bars_of_a_product_run_over_its_rolls(trades):
    rolls = roll_calendar(THREE, EXPIRIES)
    moments = [close_of(day) - timedelta(hours=1) for day in range(7)]
    frames = [
        trades([(moments[(day - FIRST).days], i, close, 10.0)], ticker=ticker)
        for i, (ticker, day, close) in enumerate(THREE.select("ticker", "date", "close").iter_rows())
    ]
    tape = as_one_ticker(held_rows(pl.concat(frames), rolls, "ts"))
    assert tape["ticker"].unique().to_list() == ["ES"]
    found = trade_bars(ticks(tape), parse_bar_spec("tick_1"), "ES", 50.0, initial_state(), -math.inf)
    assert found["close"].to_list() == pytest.approx(
        by_ratio(held_rows(THREE, rolls, "ts_close"), ["close"])["close"].to_list()
    )
    assert found["dollar_volume"].to_list() == [
        10.0 * 50.0 * price for price in (101.0, 102.0, 100.0, 101.0, 103.0, 99.0)
    ]
    assert found["volume"].to_list() == [10.0] * 6


def test_products_do_not_mix_and_strangers_are_left_out():
    both = pl.concat([EXPIRIES, contracts("NQ", NQU3=18, NQZ3=108)])
    rows = pl.concat([THREE, daily(NQU3={0: (3, 5), 1: (3, 1)}, NQZ3={0: (2, 1), 1: (2, 2)}, IBM={0: (180, 1e6)})])
    found = roll_calendar(rows, both)
    assert_frame_equal(found.filter(product="ES"), roll_calendar(THREE, EXPIRIES))
    assert days_of(found.filter(product="NQ")) == [(0, "NQU3"), (1, "NQZ3")]
    held = held_rows(rows, found, "ts_close")
    assert held["product"].to_list() == sorted(held["product"])
    assert "IBM" not in held["ticker"]


def test_no_contracts_no_rolls(frame):
    empty = futures_roll(
        daily_cache=frame(DailyCache, ticker=["ES", "IBM"]),
        contracts_dim=spec(ContractsDim).empty(),
        tickers_dim=spec(TickersDim).empty(),
        params=FuturesRollParams(),
    )
    assert_frame_equal(empty, spec(FuturesRoll).empty())
    assert_frame_equal(roll_calendar(THREE.clear(), EXPIRIES), spec(FuturesRoll).empty())
    assert held_rows(THREE, empty, "ts_close").is_empty()
    # bars of contracts, none with any volume
    assert roll_calendar(daily(ESU3={0: (1, 0)}), EXPIRIES).is_empty()


def test_the_stage_reads_daily_facts(frame):
    cache = frame(
        DailyCache,
        ticker=THREE["ticker"],
        date=THREE["date"],
        ts_close=THREE["ts_close"],
        close_d=THREE["close"],
        vol_d=THREE["volume"],
    )
    facts = {"ticker": ["ES", "ESU3", "ESZ3", "ESH4"], "asset_class": "future", "multiplier": 50.0}
    given = {"daily_cache": cache, "contracts_dim": EXPIRIES, "params": FuturesRollParams()}
    found = futures_roll(**given, tickers_dim=frame(TickersDim, **facts))
    assert_frame_equal(found, roll_calendar(THREE, EXPIRIES))
    assert_frame_equal(found, futures_roll(**given, tickers_dim=spec(TickersDim).empty()))
    unlike = frame(TickersDim, **(facts | {"multiplier": [50.0, 50.0, 5.0, 5.0]}))
    with pytest.raises(DataError, match=r"multiplier of 2 contracts is not .* \(first: ESH4 5.0, ES 50.0\)"):
        futures_roll(**given, tickers_dim=unlike)
    # a product that is no ticker needs no facts
    assert_frame_equal(found, futures_roll(**given, tickers_dim=unlike.filter(pl.col("ticker") != "ES")))
    split = {**given, "daily_cache": cache.with_columns(split_factor=2.0)}
    with pytest.raises(DataError, match="ESH4, ESU3, ESZ3 have splits or dividends"):
        futures_roll(**split, tickers_dim=frame(TickersDim, **facts))


def test_what_is_ambiguous_is_refused():
    with pytest.raises(DataError, match="2 contracts expire on the date of another of their product"):
        roll_calendar(THREE, contracts(ESU3=18, ESZ3=18, ESH4=200))
    with pytest.raises(DataError, match="ESU3 in several rows"):
        roll_calendar(THREE, pl.concat([EXPIRIES, contracts("SP", ESU3=18)]))
    with pytest.raises(DataError, match=r"2 share ticker and date with another \(first: ESU3 2013-09-02\)"):
        roll_calendar(pl.concat([THREE, THREE.head(1)]), EXPIRIES)
