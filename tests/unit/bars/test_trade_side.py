import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tsis.bars.trade_side import QuoteRule, trade_side
from tsis.core.errors import DataError, UsageError
from tsis.core.state import state_from_bytes, state_to_bytes
from tsis.core.table import spec
from tsis.sources.lean import LEAN, LeanRequest
from tsis.tables.raw.quotes import Quotes
from tsis.tables.raw.trades import Trades

ROOT = Path(os.environ.get("TSIS_LEAN_DATA", Path(__file__).resolve().parents[4] / "shared" / "data" / "lean"))
START = datetime(2020, 1, 2, 14, 30, tzinfo=UTC)
LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
CONSTANTS = {
    "ticker": "IBM",
    "is_suspicious": False,
    "source": "test",
    "is_synthetic": False,
    "is_deleted": False,
    "known_at": LONG_AGO,
}


def rows(table, named, **constants):
    schema = spec(table).polars_schema
    filled = [dict.fromkeys(schema.names()) | CONSTANTS | constants | row for row in named]
    return pl.DataFrame(filled, schema=schema, orient="row")


def at(us):
    return START + timedelta(microseconds=us)


def trades_of(*given, **constants):
    """Each trade is (microsecond, price) or (microsecond, price, vendor's side); seq counts."""
    named = [
        {"ts": at(us), "seq": i, "price": price, "size": 1.0, "side": (side or ["unknown"])[0]}
        for i, (us, price, *side) in enumerate(given)
    ]
    return rows(Trades, named, **constants)


def quotes_of(*given, **constants):
    named = [{"ts": at(us), "seq": i, "bid": bid, "ask": ask} for i, (us, bid, ask) in enumerate(given)]
    return rows(Quotes, named, **constants)


def sides(trades, quotes, rule=None):
    found, _ = trade_side(trades, quotes, rule)
    return list(zip(found["side"], found["rule"], strict=True))


def test_the_quote_before_the_trade_prevails():
    quotes = quotes_of((0, 9.0, 10.0), (10, 10.0, 12.0))
    trades = trades_of((10, 9.9), (11, 10.2))
    assert sides(trades, quotes) == [(1, "quote"), (-1, "quote")]
    # with no delay the quote of the very microsecond counts; with a long one, none is old enough but for the last
    assert sides(trades, quotes, QuoteRule(delay_us=0)) == [(-1, "quote"), (-1, "quote")]
    assert sides(trades, quotes, QuoteRule(delay_us=11)) == [(0, "none"), (1, "quote")]


def test_a_stale_quote_leaves_it_to_the_ticks():
    quotes = quotes_of((0, 9.0, None), (500, None, 10.0))
    trades = trades_of((600, 9.2), (1_000, 9.3), (1_001, 9.2))
    found = sides(trades, quotes, QuoteRule(max_age_us=1_000))
    # it is the age of the older side, the bid, that counts
    assert found == [(-1, "quote"), (-1, "quote"), (-1, "tick")]


def test_suspicious_quotes_are_left_out():
    quotes = pl.concat([quotes_of((0, 9.0, 10.0)), quotes_of((5, 1.0, 2.0), is_suspicious=True)])
    assert sides(trades_of((10, 9.1)), quotes) == [(-1, "quote")]


def test_vendor_quote_tick_none_in_one_tape():
    quotes = quotes_of((20, 9.0, 10.0))
    trades = trades_of((0, 9.5), (1, 9.5, "sell"), (2, 9.6), (30, 9.2), (31, 9.5))
    expected = [(0, "none"), (-1, "vendor"), (1, "tick"), (-1, "quote"), (1, "tick")]
    assert sides(trades, quotes) == expected


def test_a_split_is_no_tick():
    trades = trades_of((0, 100.0), (1, 101.0), (2, 50.5))
    assert sides(trades, quotes_of())[-1] == (-1, "tick")
    adjusted = trades.with_columns(price_factor=pl.Series([1.0, 1.0, 2.0]))
    assert sides(adjusted, quotes_of())[-1] == (1, "tick")
    # the quote test is not moved by the factor
    assert sides(adjusted, quotes_of((1, 50.5, 51.0)))[-1] == (-1, "quote")


def naive(trades, quotes, rule):
    """Look back from each trade through all quotes."""
    answers, last, direction = [], None, 0
    for trade in trades.sort("ts", "seq").iter_rows(named=True):
        if last is not None and trade["price"] != last:
            direction = 1 if trade["price"] > last else -1
        last = trade["price"]
        standing = {}
        for quote in quotes.sort("ts", "seq").iter_rows(named=True):
            if quote["ts"] + timedelta(microseconds=rule.delay_us) <= trade["ts"]:
                standing |= {name: (quote[name], quote["ts"]) for name in ("bid", "ask") if quote[name] is not None}
        age = max((trade["ts"] - when for _, when in standing.values()), default=None)
        is_usable = len(standing) == 2 and age <= timedelta(microseconds=rule.max_age_us)
        if trade["side"] != "unknown":
            answers.append((1 if trade["side"] == "buy" else -1, "vendor"))
        elif (
            is_usable
            and standing["bid"][0] < standing["ask"][0]
            and 2 * trade["price"] != standing["bid"][0] + standing["ask"][0]
        ):
            is_above = 2 * trade["price"] > standing["bid"][0] + standing["ask"][0]
            answers.append((1 if is_above else -1, "quote"))
        else:
            answers.append((direction, "tick" if direction else "none"))
    return answers


TIMES = st.integers(0, 60)
PRICES = st.integers(1, 8).map(lambda x: 10.0 + x / 4)
TAPES = st.lists(st.tuples(TIMES, PRICES, st.sampled_from(["unknown", "unknown", "buy", "sell"])), max_size=15)
BOOKS = st.lists(st.tuples(TIMES, st.none() | PRICES, st.none() | PRICES), max_size=25)
RULES = st.builds(lambda delay, more: QuoteRule(delay, delay + more), st.sampled_from([0, 1, 7]), st.integers(0, 40))


@settings(max_examples=60)
@given(TAPES, BOOKS, RULES, st.lists(TIMES, max_size=3).map(sorted))
def test_equals_the_definition_whole_and_in_pieces(tape, book, rule, cuts):
    trades, quotes = trades_of(*tape), quotes_of(*book)
    before = trades.clone(), quotes.clone()
    whole, _ = trade_side(trades.reverse(), quotes.reverse(), rule)
    assert list(zip(whole["side"], whole["rule"], strict=True)) == naive(trades, quotes, rule)
    state, pieces = None, []
    for first, last in pairwise([-1, *cuts, 61]):
        is_in = (pl.col("ts") >= at(first)) & (pl.col("ts") < at(last))
        piece, state = trade_side(trades.filter(is_in), quotes.filter(is_in), rule, state)
        pieces.append(piece)
        state = state_from_bytes(state_to_bytes(state))
    assert_frame_equal(pl.concat(pieces), whole)
    assert_frame_equal(trades, before[0])
    assert_frame_equal(quotes, before[1])


def test_the_state_keeps_only_quotes_that_the_delay_holds_back():
    _, state = trade_side(trades_of(), quotes_of(*((us, 9.0, 10.0) for us in range(100))), QuoteRule(delay_us=5))
    assert state["pending"].size == 5 * 4


def test_nothing_gives_nothing():
    found, state = trade_side(trades_of(), quotes_of())
    assert found.schema == {
        "ts": pl.Datetime("us", "UTC"),
        "seq": pl.Int64,
        "side": pl.Int8,
        "rule": found["rule"].dtype,
    }
    assert found.is_empty()
    assert np.isnan(state["quotes"]).all()


def test_what_has_no_order_is_refused():
    trades, quotes = trades_of((0, 1.0), (1, 1.0)), quotes_of((0, 1.0, 2.0))
    with pytest.raises(DataError, match=r"raw.trades: 2 rows share their ts and seq"):
        trade_side(pl.concat([trades, trades.with_columns(source=pl.lit("other"))]), quotes)
    with pytest.raises(DataError, match=r"raw.quotes: 1 rows share their ts and seq"):
        trade_side(trades, pl.concat([quotes, quotes]))
    with pytest.raises(DataError, match="of 2 tickers"):
        trade_side(trades, quotes.with_columns(ticker=pl.lit("BAC")))
    _, state = trade_side(trades, quotes)
    with pytest.raises(DataError, match="2 trades or quotes are not later"):
        trade_side(trades_of((1, 1.0), (2, 1.0)), quotes, state=state)
    with pytest.raises(UsageError, match="not less than delay_us"):
        QuoteRule(delay_us=10, max_age_us=9)


@pytest.mark.skipif(not ROOT.is_dir(), reason="no LEAN data (TSIS_LEAN_DATA)")
def test_real_trades_by_quotes_and_by_ticks():
    """Five days of IBM: quotes decide most trades, and agree with ticks most if none of the trade's own time counts."""

    def real(table):
        found = LEAN.batches(LeanRequest(path=str(ROOT), tickers=("IBM",), tables=(table,)))
        return pl.concat([batch.rows for batch in found])

    trades, quotes = real("raw.trades"), real("raw.quotes")
    signed, _ = trade_side(trades, quotes)
    by_ticks, _ = trade_side(trades, quotes.clear())
    assert (signed["rule"] == "quote").mean() == pytest.approx(0.9079, abs=1e-4)
    assert (signed["side"] == by_ticks["side"]).mean() == pytest.approx(0.8287, abs=1e-4)
    at_once, _ = trade_side(trades, quotes, QuoteRule(delay_us=0))
    assert (at_once["side"] == by_ticks["side"]).mean() == pytest.approx(0.8092, abs=1e-4)
