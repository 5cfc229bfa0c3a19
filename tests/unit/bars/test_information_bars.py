from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.bars.information_bars import InformationBarsParams, information_bars
from tsis.core.errors import DataError, ParamsError
from tsis.core.table import spec
from tsis.tables.processed_features.daily_cache import DailyCache
from tsis.tables.processed_features.futures_roll import FuturesRoll
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.raw.ohlcv_1h import Ohlcv1h
from tsis.tables.raw.ohlcv_1m import Ohlcv1m
from tsis.tables.raw.ohlcv_daily import OhlcvDaily
from tsis.tables.raw.quotes import Quotes
from tsis.tables.raw.trades import Trades
from tsis.tables.reference.contracts_dim import ContractsDim
from tsis.tables.reference.sessions import Sessions

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
START = datetime(2020, 1, 2, 15, 0, tzinfo=UTC)
NO_SPECS = dict.fromkeys(("equity", "future", "fx"), ())


def bars_of(dim, specs=None, **given):
    inputs = {
        "trades": spec(Trades).empty(),
        "quotes": spec(Quotes).empty(),
        "ohlcv_1m": spec(Ohlcv1m).empty(),
        "ohlcv_1h": spec(Ohlcv1h).empty(),
        "ohlcv_daily": spec(OhlcvDaily).empty(),
        "daily_cache": spec(DailyCache).empty(),
        "futures_roll": spec(FuturesRoll).empty(),
        "contracts_dim": spec(ContractsDim).empty(),
        "sessions": spec(Sessions).empty(),
    }
    params = InformationBarsParams() if specs is None else InformationBarsParams(bars=NO_SPECS | specs)
    found, _ = information_bars(**(inputs | given), tickers_dim=dim, params=params)
    return spec(InformationBars).schema.validate(found)


def tape(trades, n=600, **defaults):
    random = np.random.default_rng(7)
    seconds = np.cumsum(random.integers(0, 20, n))
    prices = 100.0 + 0.25 * np.cumsum(random.integers(-1, 2, n))
    sizes = random.integers(1, 30, n)
    rows = [
        (START + timedelta(seconds=int(second)), i, float(price), float(size))
        for i, (second, price, size) in enumerate(zip(seconds, prices, sizes, strict=True))
    ]
    return trades(rows, **defaults)


@pytest.fixture(scope="module")
def es_trades():
    rows = pl.read_parquet(SAMPLE / "es_trades.parquet")
    schema = spec(Trades).polars_schema
    filled = {"ticker": "ES", "side": "unknown", "conditions": None, "exchange": None, "source": "test"}
    flags = dict.fromkeys(("is_suspicious", "is_synthetic", "is_deleted"), False)
    return rows.with_columns(
        pl.int_range(pl.len()).over("ts").alias("seq"),
        pl.col("ts").alias("known_at"),
        **{name: pl.lit(value) for name, value in (filled | flags).items()},
    ).select(pl.col(name).cast(kind) for name, kind in schema.items())


def test_bars_of_half_a_million_es_trades(es_trades, tickers):
    dim = tickers({"ticker": "ES", "asset_class": "future", "multiplier": 50.0})
    found = bars_of(dim, trades=es_trades)
    counts = dict(found.group_by("bar_spec").len().iter_rows())
    assert counts == {
        "time_1m": 2263,
        "time_5m": 460,
        "time_1h": 38,
        "tick_1000": 500,
        "volume_2500": 733,
        "dollar_70M": 2127,
        "dib_1k": 887,
        "trb_1k": 1148,
        "renko_1": 94,
    }
    dollars = found.filter(pl.col("bar_spec") == "dollar_70M")
    assert (dollars["dollar_volume"] >= 70e6).all()
    # without its last trade no bar would have closed
    money = (es_trades["price"] * es_trades["size"]).to_numpy() * 50.0
    last = es_trades.with_row_index().join(
        dollars.select(ts="raw_ts_last", seq="raw_seq_last"), on=["ts", "seq"], maintain_order="right"
    )
    assert (dollars["dollar_volume"].to_numpy() - money[last["index"].to_numpy()] < 70e6).all()
    # every trade belongs to one bar, up to the open one
    assert dollars["n_ticks"].sum() == last["index"][-1] + 1
    assert dollars["volume"].sum() == es_trades["size"][: last["index"][-1] + 1].sum()


def test_time_bars_agree_with_a_group_by(es_trades, tickers):
    dim = tickers({"ticker": "ES", "asset_class": "future", "multiplier": 50.0})
    found = bars_of(dim, {"future": ("time_1m",)}, trades=es_trades)
    expected = (
        es_trades.group_by(pl.col("ts").dt.truncate("1m").alias("ts_open"))
        .agg(
            open=pl.col("price").first(),
            high=pl.col("price").max(),
            low=pl.col("price").min(),
            close=pl.col("price").last(),
            volume=pl.col("size").sum(),
            n_ticks=pl.len().cast(pl.Int64),
        )
        .sort("ts_open")
        .head(-1)  # the last minute is still open
    )
    assert_frame_equal(found.select(expected.columns), expected, check_exact=True)
    assert ((found["ts_close"] - found["ts_open"]) == timedelta(minutes=1)).all()
    assert (found["seq"] == 0).all()


def test_the_open_bar_is_not_emitted_and_a_suspicious_trade_is_left_out(trades, tickers):
    rows = [(START + timedelta(seconds=i), 0, 10.0 + i, 1.0) for i in range(5)]
    dim = tickers({"ticker": "IBM"})
    whole = bars_of(dim, {"equity": ("tick_2",)}, trades=trades(rows))
    assert whole["close"].to_list() == [11.0, 13.0]
    marked = trades(rows).with_columns(is_suspicious=pl.col("price") == 11.0)
    assert bars_of(dim, {"equity": ("tick_2",)}, trades=marked)["close"].to_list() == [12.0, 14.0]


def test_raw_columns_give_the_range_of_trades(trades, tickers):
    raw = trades([(START, 3, 10.0, 1.0), (START, 4, 11.0, 1.0), (START, 9, 12.0, 1.0), (START, 10, 12.0, 1.0)])
    found = bars_of(tickers({"ticker": "IBM"}), {"equity": ("tick_2",)}, trades=raw)
    assert found.select("raw_ts_first", "raw_seq_first", "raw_ts_last", "raw_seq_last", "seq").rows() == [
        (START, 3, START, 4, 4),
        (START, 9, START, 10, 10),
    ]
    assert set(found["raw_table"]) == {"raw.trades"}


def test_the_vendors_side_goes_before_the_tick_rule(trades, tickers):
    rows = [(START, i, price, 1.0) for i, price in enumerate([10.0, 10.0, 11.0, 11.0, 10.0, 10.0])]
    dim, specs = tickers({"ticker": "IBM"}), {"equity": ("tick_6",)}
    ruled = bars_of(dim, specs, trades=trades(rows)).row(0, named=True)
    # neither before the first change, then the sign of the last change
    assert (ruled["buy_volume"], ruled["sell_volume"], ruled["n_buys"], ruled["n_sells"]) == (2.0, 2.0, 2, 2)
    told = bars_of(dim, specs, trades=trades(rows, side="sell")).row(0, named=True)
    assert (told["buy_volume"], told["sell_volume"], told["imbalance"]) == (0.0, 6.0, -6.0)


def test_input_order_does_not_matter_and_inputs_are_not_mutated(trades, tickers):
    raw, dim = tape(trades), tickers({"ticker": "IBM"})
    copy = raw.clone()
    shuffled = raw.sample(fraction=1.0, shuffle=True, seed=1)
    specs = {"equity": ("time_1m", "tick_10", "volume_100", "dollar_9k")}
    assert_frame_equal(bars_of(dim, specs, trades=raw), bars_of(dim, specs, trades=shuffled), check_exact=True)
    assert_frame_equal(raw, copy, check_exact=True)


def test_no_bar_sees_later_trades(trades, tickers):
    raw, dim = tape(trades), tickers({"ticker": "IBM"})
    cut = raw["ts"][400]
    later = pl.col("ts") >= cut
    changed = raw.with_columns(
        price=pl.when(later).then(pl.col("price") * 2).otherwise("price"),
        size=pl.when(later).then(pl.col("size") + 9).otherwise("size"),
    )
    specs = {"equity": ("time_1m", "tick_10", "volume_100", "dollar_9k")}
    known = pl.col("ts_close") < cut
    before = bars_of(dim, specs, trades=raw).filter(known)
    assert before.group_by("bar_spec").len()["len"].min() > 5
    assert_frame_equal(before, bars_of(dim, specs, trades=changed).filter(known), check_exact=True)


def factors(*rows):
    schema = spec(DailyCache).polars_schema
    zeros = dict.fromkeys(schema.names())
    return pl.DataFrame(
        [
            zeros
            | {
                "ticker": "IBM",
                "date": close.date(),
                "ts_close": close,
                "split_factor": split,
                "dividend_factor": growth,
            }
            for close, split, growth in rows
        ],
        schema=schema,
    )


def test_bars_over_a_split_are_continuous(trades, tickers):
    close = START.replace(hour=21)
    sessions = factors((close, 1.0, 1.0), (close + timedelta(days=1), 2.0, 1.25))
    evening, morning = close + timedelta(hours=2), close + timedelta(hours=13)
    raw = trades(
        [(START, 0, 100.0, 10.0), (evening, 0, 100.0, 10.0), (morning, 0, 50.0, 20.0), (morning, 1, 50.0, 20.0)]
    )
    found = bars_of(
        tickers({"ticker": "IBM"}), {"equity": ("dollar_1k", "volume_15")}, trades=raw, daily_cache=sessions
    )
    money = found.filter(pl.col("bar_spec") == "dollar_1k")
    assert money["close"].to_list() == [100.0, 100.0, 125.0, 125.0]
    assert (money["close"] / money["price_factor"]).to_list() == [100.0, 100.0, 50.0, 50.0]
    assert money["volume"].to_list() == [10.0] * 4
    assert money["dollar_volume"].to_list() == [1_000.0] * 4
    # in adjusted units two trades make one bar on either side of the split
    assert found.filter(pl.col("bar_spec") == "volume_15")["volume"].to_list() == [20.0, 20.0]


def test_daily_bars_carry_the_forward_factors(ohlcv, tickers):
    daily = ohlcv([100.0, 50.0], first=START, vwap=60.0)
    sessions = factors((daily["ts_close"][0], 1.0, 1.0), (daily["ts_close"][1], 2.0, 1.25))
    found = bars_of(tickers({"ticker": "IBM"}), ohlcv_daily=daily, daily_cache=sessions)
    assert found["bar_spec"].to_list() == ["time_1d"] * 2
    assert found["close"].to_list() == [100.0, 125.0]
    assert found["vwap"].to_list() == [60.0, 150.0]
    assert found["volume"].to_list() == [1_000.0, 500.0]
    assert found["dollar_volume"].to_list() == [60_000.0, 60_000.0]
    assert found["n_ticks"].to_list() == [1, 1]
    assert found["buy_volume"].null_count() == 2
    assert found["raw_table"].to_list() == ["raw.ohlcv_daily"] * 2


def test_trades_take_their_intervals_only(trades, ohlcv, tickers):
    midnight, hour = START.replace(hour=0), timedelta(hours=1)
    vendor = ohlcv([20.0 + i for i in range(24)], first=midnight, every=hour, length=hour)
    dim, specs = tickers({"ticker": "IBM"}), {"equity": ("time_1h",)}
    assert bars_of(dim, specs, ohlcv_1h=vendor).height == 24
    raw = trades([(START + timedelta(minutes=5), 0, 10.0, 1.0), (START + timedelta(minutes=61), 0, 11.0, 1.0)])
    found = bars_of(dim, specs, trades=raw, ohlcv_1h=vendor)
    assert found["ts_open"].to_list() == [midnight + i * hour for i in range(24)]
    assert found.filter(raw_table="raw.trades").select("ts_open", "ts_close", "close").rows() == [
        (START, START + hour, 10.0),
        (START + hour, START + 2 * hour, 11.0),
    ]


def test_an_interval_shows_neither_bar_while_its_trades_are_not_known_to_be_all(trades, ohlcv, tickers):
    hour = timedelta(hours=1)
    dim, specs = tickers({"ticker": "IBM"}), {"equity": ("time_1h",)}
    raw = trades([(START + timedelta(minutes=5), 0, 10.0, 1.0)])
    before = ohlcv([20.0], first=START - hour, length=hour)
    open_bar = bars_of(dim, specs, trades=raw, ohlcv_1h=before)
    assert open_bar["raw_table"].to_list() == ["raw.ohlcv_1h"]
    its_own = pl.concat([before, ohlcv([21.0], first=START, length=hour)])
    over = bars_of(dim, specs, trades=raw, ohlcv_1h=its_own)
    assert over.select("raw_table", "close").rows() == [("raw.ohlcv_1h", 20.0), ("raw.trades", 10.0)]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 12 * 60), max_size=25).map(sorted),
    hours=st.sets(st.integers(0, 12)).map(sorted),
    offset=st.sampled_from([0, 0, 30]),
    cut=st.integers(0, 14 * 60),
)
def test_bars_of_mixed_sources_only_ever_grow_at_their_end(trades, ohlcv, tickers, minutes, hours, offset, cut):
    hour, until = timedelta(hours=1), START + timedelta(minutes=cut)
    tape_rows = [(START + timedelta(minutes=at), i, 10.0 + i, 1.0) for i, at in enumerate(minutes)]
    first = START + timedelta(minutes=offset)
    vendor = pl.concat(
        [spec(OhlcvDaily).empty(), *(ohlcv([50.0 + at], first=first + at * hour, length=hour) for at in hours)]
    )
    dim, specs = tickers({"ticker": "IBM"}), {"equity": ("time_1h",)}
    raw = trades(tape_rows) if tape_rows else spec(Trades).empty()
    whole = bars_of(dim, specs, trades=raw, ohlcv_1h=vendor)
    known = bars_of(
        dim, specs, trades=raw.filter(pl.col("ts") <= until), ohlcv_1h=vendor.filter(pl.col("ts_close") <= until)
    )
    assert_frame_equal(known, whole.head(known.height), check_exact=True)
    assert (known["ts_close"] <= until).all()
    # one bar an interval, none lost but that of the open interval of the trades
    if offset == 0:
        last = minutes[-1] // 60 if minutes else -1
        is_over = any(at >= last for at in hours)
        expected = set(hours) | {at // 60 for at in minutes} - (set() if is_over else {last})
        assert whole["ts_open"].to_list() == [START + at * hour for at in sorted(expected)]


def test_series_without_data_have_no_rows(tickers):
    assert bars_of(tickers({"ticker": "IBM"})).is_empty()


def test_two_sources_are_refused(trades, ohlcv, tickers):
    dim = tickers({"ticker": "IBM"})
    raw = trades([(START, 0, 10.0, 1.0)])
    with pytest.raises(DataError, match="several sources on 1 days"):
        bars_of(dim, trades=pl.concat([raw, raw.with_columns(source=pl.lit("other"))]))
    daily = ohlcv([10.0])
    with pytest.raises(DataError, match=r"raw.ohlcv_daily: IBM has 1 bars twice"):
        bars_of(dim, ohlcv_daily=pl.concat([daily, daily.with_columns(source=pl.lit("other"))]))


def test_what_is_not_declared_is_named_with_the_remedy(trades, tickers):
    raw = trades([(START, 0, 10.0, 1.0)])
    with pytest.raises(DataError, match=r"IBM is not in reference.tickers_dim; add a row to reference.tickers_dim"):
        bars_of(tickers({"ticker": "MSFT"}), trades=raw)
    with pytest.raises(ParamsError, match=r"add information_bars.bars.crypto"):
        bars_of(tickers({"ticker": "IBM", "asset_class": "crypto"}), {}, trades=raw)
    with pytest.raises(DataError, match="give the changed contract a ticker of its own"):
        bars_of(
            tickers({"ticker": "IBM"}, {"ticker": "IBM", "multiplier": 2.0, "valid_from": date(2020, 1, 1)}), trades=raw
        )
    with pytest.raises(ValidationError, match="unknown bar_spec 'dolar_1M'"):
        InformationBarsParams(bars={"equity": ("dolar_1M",)})


def test_quotes_decide_the_sides_of_trades_without_one(tickers, trades):
    """At one price the tick rule knows nothing; the midpoint does."""
    moments = [START + timedelta(seconds=i) for i in range(6)]
    tape_ = trades([(moment, i, 100.0, 1.0) for i, moment in enumerate(moments)])
    dim, specs = tickers({"ticker": "IBM"}), {"equity": ("tick_3",)}
    book = {"ts": [START - timedelta(seconds=1), START + timedelta(seconds=2.5)], "bid": [99.0, 99.9]}
    more = {"ticker": "IBM", "seq": [0, 0], "ask": [100.5, 101.0], "is_suspicious": False}
    quotes = pl.concat([spec(Quotes).empty(), pl.DataFrame(book | more)], how="diagonal_relaxed")
    found = bars_of(dim, specs, trades=tape_, quotes=quotes.select(spec(Quotes).polars_schema.names()))
    assert found["buy_volume"].to_list() == [3.0, 0.0]
    assert found["sell_volume"].to_list() == [0.0, 3.0]
    assert bars_of(dim, specs, trades=tape_)["buy_volume"].to_list() == [0.0, 0.0]
