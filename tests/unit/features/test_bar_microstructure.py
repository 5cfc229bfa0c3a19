"""The stage `bar_microstructure` on made-up ticks: whole, in pieces, and bar by bar."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from lakes import declared, rows
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.bars.information_bars import InformationBarsParams, information_bars
from tsis.core.state import state_from_bytes, state_to_bytes
from tsis.core.table import spec
from tsis.features.bar_microstructure import BarMicrostructureParams, bar_microstructure
from tsis.features.families import families
from tsis.features.features import FeaturesParams, features
from tsis.tables.processed_features.bar_microstructure import BarMicrostructure

FIRST = datetime(2020, 1, 6, tzinfo=UTC)
DAYS = 5
PRODUCTS = (("processed_features", "futures_roll"), ("reference", "contracts_dim"))
SPECS = ("time_1m", "time_7m", "time_1h", "session_1h", "session_1d", "tick_37", "volume_900", "tib_20", "renko_0.5")
PARAMS = BarMicrostructureParams(bar_specs=(*SPECS, "time_1d", "dollar_5M"), max_age_us=600_000_000)


def ticks(seed=3, n=2_500):
    """Return trades and quotes of five days, with ties, pauses and suspicious rows."""
    random = np.random.default_rng(seed)
    moments = [FIRST + timedelta(seconds=int(s)) for s in np.sort(random.integers(0, DAYS * 86_400, n))]
    seq = pl.DataFrame({"ts": moments}).select(seq=pl.int_range(pl.len()).over("ts"))["seq"].to_list()
    price = 100.0 + np.cumsum(random.integers(-1, 2, n)) / 8
    tape = {"price": price.tolist(), "size": np.ceil(random.pareto(1.0, n) * 20 + 1).tolist(), "side": "unknown"}
    tape |= {"is_suspicious": (random.random(n) < 0.02).tolist()}
    shared = {"ticker": "IBM", "ts": moments, "seq": seq, "known_at": moments}
    depth = np.ceil(random.exponential(30, (2, n)))
    bid = price - random.integers(0, 3, n) / 8
    book = {"bid": [None if r < 0.1 else b for b, r in zip(bid.tolist(), random.random(n), strict=True)]}
    book |= {"ask": (bid + random.integers(0, 4, n) / 8).tolist(), "bid_size": depth[0].tolist()}
    book |= {"ask_size": depth[1].tolist(), "is_suspicious": (random.random(n) < 0.02).tolist()}
    later = [moment + timedelta(seconds=int(s)) for moment, s in zip(moments, random.integers(0, 60, n), strict=True)]
    quotes = rows("raw.quotes", n, **(shared | book | {"ts": later, "seq": list(range(n)), "known_at": later}))
    return rows("raw.trades", n, **(shared | tape)), quotes.sort("ts", "seq")


def facts():
    """Return sessions over midnight and the facts of the ticker."""
    days = [FIRST + timedelta(days=day) for day in range(DAYS)]
    opens, closes = [day - timedelta(hours=2) for day in days], [day + timedelta(hours=20, minutes=30) for day in days]
    listed = {"exchange": "XNYS", "session": [day.date() for day in days], "open": opens, "close": closes}
    dim = {
        "ticker": "IBM",
        "exchange": "XNYS",
        "asset_class": "equity",
        "multiplier": 1.0,
        "valid_from": date(2000, 1, 1),
    }
    return {
        "sessions": rows("reference.sessions", DAYS, **listed, is_half_day=False),
        "tickers_dim": rows("reference.tickers_dim", 1, **dim),
    }


def vendor_days():
    """Return a daily bar within a day, and one over midnight."""
    opens = [FIRST + timedelta(hours=14), FIRST + timedelta(days=1, hours=22)]
    closes = [FIRST + timedelta(hours=21), FIRST + timedelta(days=2, hours=21)]
    prices = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 1.0}
    return rows("raw.ohlcv_daily", 2, ticker="IBM", ts=opens, ts_close=closes, known_at=closes, **prices)


@pytest.fixture(scope="module")
def given():
    """Return all that the stage reads."""
    trades, quotes = ticks()
    others = {name: declared()[f"raw.{name}"].empty() for name in ("ohlcv_1m", "ohlcv_1h")}
    products = {name: declared()[f"{zone}.{name}"].empty() for zone, name in PRODUCTS}
    others |= {"daily_cache": declared()["processed_features.daily_cache"].empty(), "ohlcv_daily": vendor_days()}
    params = InformationBarsParams(bars={"equity": (*SPECS, "time_1d")})
    bars, _ = information_bars(trades=trades, quotes=quotes, **others, **products, **facts(), params=params)
    assert set(bars["bar_spec"]) == {*SPECS, "time_1d"}
    return {"trades": trades, "quotes": quotes, "information_bars": bars, **products, **facts()}


def between(given, after, until):
    """Return the rows of a piece, as the runtime cuts them."""
    first, last = after or datetime(1970, 1, 1, tzinfo=UTC), until or datetime(2100, 1, 1, tzinfo=UTC)
    known = {"trades": "ts", "quotes": "ts", "information_bars": "ts_close"}
    return given | {
        name: given[name].filter(pl.col(column) > first, pl.col(column) <= last) for name, column in known.items()
    }


def measured(given, params=PARAMS, state=None, until=None):
    found, after = bar_microstructure(**given, params=params, state=state, until=until)
    return spec(BarMicrostructure).schema.validate(found), after


@pytest.mark.parametrize("days", [(1, 2, 3, 4), (2,), (1, 4)])
def test_pieces_equal_the_whole(given, days):
    whole, last = measured(given)
    parts, state, after = [], None, None
    for until in [*(FIRST + timedelta(days=day) for day in days), None]:
        found, state = measured(between(given, after, until), state=state, until=until)
        state, after = state_from_bytes(state_to_bytes(state)), until
        parts.append(found)
    assert_frame_equal(pl.concat(parts).sort(whole.columns[:4]), whole, check_exact=True)
    assert state_to_bytes(state) == state_to_bytes(last)


def test_every_bar_says_what_its_own_rows_say(given):
    whole, _ = measured(given)
    trades, quotes = (given[name].filter(~pl.col("is_suspicious")) for name in ("trades", "quotes"))
    bars = given["information_bars"].join(whole, on=whole.columns[:4], how="left", coalesce=True)
    n_trades = 0
    for bar in bars.gather_every(9).iter_rows(named=True):
        inside = quotes.filter(pl.col("ts") > bar["ts_open"], pl.col("ts") <= bar["ts_close"])
        is_cut = bar["raw_table"] != "raw.trades" and bar["ts_close"].date() > bar["ts_open"].date()
        assert (bar["n_quotes"] or 0) == (0 if is_cut else inside.height)
        if bar["raw_table"] != "raw.trades":
            assert bar["trade_size_entropy"] is None
            continue
        row = pl.struct("ts", "seq")
        first, last = ({"ts": bar[f"raw_ts_{end}"], "seq": bar[f"raw_seq_{end}"]} for end in ("first", "last"))
        after_first = (pl.col("ts") > first["ts"]) | ((pl.col("ts") == first["ts"]) & (pl.col("seq") >= first["seq"]))
        before_last = (pl.col("ts") < last["ts"]) | ((pl.col("ts") == last["ts"]) & (pl.col("seq") <= last["seq"]))
        own = trades.filter(after_first, before_last).select(row.alias("row"), pl.col("size").log(2).floor())
        assert own.height == bar["n_ticks"]
        shares = own["size"].value_counts()["count"].to_numpy() / own.height
        assert bar["trade_size_entropy"] == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-12)
        n_trades += own.height
        standing = quotes.filter(pl.col("ts") <= bar["ts_close"])
        bid, ask = (standing.filter(pl.col(side).is_not_null()).tail(1) for side in ("bid", "ask"))
        if bar["spread_close_bps"] is not None:
            assert (bar["bid_size"], bar["ask_size"]) == (bid["bid_size"][0], ask["ask_size"][0])
            assert bar["ts_close"] - min(bid["ts"][0], ask["ts"][0]) <= timedelta(seconds=600)
            spread = 2e4 * (ask["ask"][0] - bid["bid"][0]) / (ask["ask"][0] + bid["bid"][0])
            assert bar["spread_close_bps"] == pytest.approx(spread, rel=1e-12, abs=1e-12)
    assert n_trades > 1_000
    for column in ("spread_bps", "spread_close_bps", "order_flow", "depth_imbalance"):
        assert 0.1 < bars[column].is_not_null().mean() <= 1.0, column


def test_a_bar_of_which_nothing_is_known_has_no_row(given):
    silent = given | {"quotes": given["quotes"].clear(), "trades": given["trades"].clear()}
    assert measured(silent)[0].is_empty()
    taped = given | {"quotes": given["quotes"].clear()}
    found, _ = measured(taped)
    made = given["information_bars"].filter(pl.col("raw_table") == "raw.trades")
    assert found.height == made.height
    assert found["trade_size_entropy"].null_count() == 0
    assert found["spread_bps"].null_count() == found.height


def test_a_vendor_bar_over_midnight_is_not_measured(given):
    found, _ = measured(given)
    days = found.filter(pl.col("bar_spec") == "time_1d")
    assert days["ts_close"].to_list() == [FIRST + timedelta(hours=21)]
    assert days["n_quotes"][0] > 50


def test_order_of_rows_other_tickers_and_other_series_change_nothing(given):
    whole, _ = measured(given)
    shuffled = {name: rows.sample(fraction=1.0, shuffle=True, seed=5) for name, rows in given.items()}
    twin = {
        name: rows.with_columns(ticker=pl.lit("ZZZ")) if "ticker" in rows.columns else rows.clear()
        for name, rows in given.items()
    }
    both = {name: pl.concat([shuffled[name], twin[name]]) for name in given}
    found, _ = measured(both)
    assert_frame_equal(found.filter(pl.col("ticker") == "IBM"), whole, check_exact=True)
    few = BarMicrostructureParams(bar_specs=("tick_37",), max_age_us=PARAMS.max_age_us)
    assert_frame_equal(measured(given, few)[0], whole.filter(pl.col("bar_spec") == "tick_37"), check_exact=True)


def test_features_read_it(given):
    whole, _ = measured(given)
    chosen = given["information_bars"].filter(pl.col("bar_spec") == "tick_37")
    params = FeaturesParams(leave_out=tuple(set(families()) - {"quoted_market", "trade_sizes"}))
    found, _ = features(chosen, whole[:-1], given["sessions"], given["tickers_dim"], params=params)
    expected = chosen.join(whole[:-1], on=whole.columns[:4], how="left").sort("ts_close", "seq")
    names = {"spread_bps": "spread_bps", "depth_imbalance": "depth_imbalance", "order_flow_imbalance": "order_flow"}
    for feature, column in (names | {"trade_size_entropy": "trade_size_entropy"}).items():
        assert found[feature].to_list() == expected[column].to_list()


def test_parameters_that_can_not_be_are_refused():
    with pytest.raises(ValidationError, match="time_1x"):
        BarMicrostructureParams(bar_specs=("time_1x",))
    with pytest.raises(ValidationError):
        BarMicrostructureParams(max_age_us=0)
