"""A futures product of three contracts through the whole chain: bars, models, fills, and back to the raw rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from lakes import rows
from polars.testing import assert_frame_equal

from tsis.analytics.pnl_daily import PnlDailyParams
from tsis.backtest.fills_log import FillsLogParams
from tsis.bars.bar_params import InformationBarsParams
from tsis.bars.information_bars import information_bars
from tsis.bars.sessions import SessionsParams
from tsis.dataset.dataset import DatasetParams
from tsis.features.bar_microstructure import BarMicrostructureParams
from tsis.features.features import FeaturesParams
from tsis.labeling.events import EventsParams
from tsis.lake import Lake
from tsis.lake.catalog import open_catalog, refresh_catalog
from tsis.models.predictions import PredictionsParams
from tsis.runtime import resume
from tsis.runtime.dag import stages
from tsis.runtime.params import read_params
from tsis.runtime.run import run
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.tables import tables
from tsis.signals.setups import SetupsParams

STAGES = stages()
BARS = (
    *("time_1m", "time_1h", "session_1h", "time_1d", "tick_20", "volume_900", "dollar_70M"),
    *("dib_30", "vrb_30_const", "range_6", "renko_3"),
)
DEFAULT = read_params(REPOSITORY / "params.yaml", STAGES)
CUSUM = {"kind": "cusum", "multiple": 0.5, "primary": "reversal"}
FUTURE = {"future": {"dollar_70M": {"span": 100, "filters": [CUSUM]}}}
MODEL = DEFAULT["predictions"].models["es_dollar"].model_dump()
STRATEGY = DEFAULT["setups"].strategies["es_dollar"].model_dump()
OFTEN = {"min_hours": 0.0, "min_labels": 20}
LEARNER = MODEL["estimator"] | {"n_rounds": 20, "min_child_weight": 0.5, "learning_rate": 0.6}
PARAMS = DEFAULT | {
    "sessions": SessionsParams(first=date(2013, 6, 1), last=date(2013, 9, 30)),
    "information_bars": InformationBarsParams(bars={"future": BARS, "equity": ("time_1m", "time_1d", "tick_20")}),
    "bar_microstructure": BarMicrostructureParams(bar_specs=("time_1h", "tick_20", "dollar_70M")),
    "features": FeaturesParams(bar_specs=("time_1h", "dollar_70M")),
    "events": EventsParams(series=FUTURE),
    "dataset": DatasetParams(warm_up_bars=30, features=("log_return_1", "log_return_20", "rsi_14", "volatility_20")),
    "predictions": PredictionsParams(
        models={"es_dollar": MODEL | {"min_train": 20, "retraining": OFTEN, "n_folds": 3, "estimator": LEARNER}}
    ),
    "setups": SetupsParams(strategies={"es_dollar": STRATEGY | {"needs_regime": False}}),  # 200 bars are not there
    "fills_log": FillsLogParams(start_equity=2_000_000.0),
    "pnl_daily": PnlDailyParams(start_equity=2_000_000.0),
}
CHAIN = ["sessions", "daily_cache", "futures_roll", "information_bars", "bar_microstructure", "features"]
FEW = ("time_1h", "session_1h", "time_1d", "tick_20", "dib_30")
FEWER = PARAMS | {
    "information_bars": InformationBarsParams(bars={"future": FEW, "equity": ("time_1d", "tick_20")}),
}
FIRST = datetime(2013, 6, 3, tzinfo=UTC)
CLOSE_OF_DAY = timedelta(hours=20, minutes=15)
EXPIRES = {"ESM3": 18, "ESU3": 36, "ESZ3": 90}
BASIS = {"ESM3": 0.0, "ESU3": -9.0, "ESZ3": 21.0}
MAIN = {"ESM3": range(0, 15), "ESU3": range(15, 31), "ESZ3": range(31, 90)}
LISTED = {"ESZ3": 8}
ALL = (*EXPIRES, "IBM")
N_DAYS = 42
FACTS = {"asset_class": "future", "exchange": "XCME", "currency": "USD", "multiplier": 50.0, "lot_size": 1.0}


def list_tickers(lake: Lake, *tickers: str, **facts) -> None:
    for ticker in tickers:
        given = FACTS | {"ticker": ticker, "tick_size": 0.25, "valid_from": FIRST.date()} | facts
        lake.append("reference.tickers_dim", rows("reference.tickers_dim", 1, **given, known_at=FIRST))


def list_contract(lake: Lake, ticker: str) -> None:
    expires = (FIRST + timedelta(days=EXPIRES[ticker])).date()
    given = {"ticker": ticker, "product": "ES", "expires_on": expires, "known_at": FIRST}
    lake.append("reference.contracts_dim", rows("reference.contracts_dim", 1, **given))


def new_lake(root, product: str = "ES", contracts: tuple[str, ...] = tuple(EXPIRES)) -> Lake:
    lake = Lake(root, tables(PARAMS))
    exchange = {"mic": "XCME", "calendar": "CMES", "known_at": FIRST}
    lake.append("reference.exchanges_dim", rows("reference.exchanges_dim", 1, **exchange))
    list_tickers(lake, *contracts, *([product] if product else []))
    list_tickers(lake, "IBM", asset_class="equity", multiplier=1.0, tick_size=0.01)
    for contract in contracts:
        list_contract(lake, contract)
    return lake


def market(day: int) -> np.ndarray:
    """Return the moves of the market on one day, the same for every contract."""
    return np.random.default_rng(day).normal(0.0, 1.2, 300)


def day_of(day: int, ticker: str, has_quotes: bool) -> dict[str, pl.DataFrame]:
    """Return the trades, quotes and daily bar of one day; the contract in front has ten times the volume."""
    midnight, close_us = FIRST + timedelta(days=day), CLOSE_OF_DAY.seconds * 10**6
    random = np.random.default_rng([day, *ticker.encode()])
    n = 240 if day in MAIN.get(ticker, ()) else 24
    # some after the close of the day, one at it
    us = np.sort(random.integers(13 * 3600 * 10**6, (20 * 3600 + 40 * 60) * 10**6, n))
    us[n // 2] = us[n // 2 - 1]
    us[np.searchsorted(us, close_us) - 1] = close_us
    level = 1_640.0 + sum(market(i).sum() for i in range(day)) * 0.25 + BASIS.get(ticker, 0.0)
    path = level + np.cumsum(market(day))[np.linspace(0, 299, n).astype(int)] * 0.25
    prices, sizes = np.round(path * 4) / 4, random.integers(20, 61, n).astype(float)
    moments = [midnight + timedelta(microseconds=int(at)) for at in us]
    given = {"ticker": ticker, "ts": moments, "known_at": moments, "seq": list(range(n)), "side": "unknown"}
    found = {"raw.trades": rows("raw.trades", n, **given, price=prices.tolist(), size=sizes.tolist())}
    if has_quotes:
        seen, bids = moments[::3], (prices[::3] - 0.25).tolist()
        book = {"ticker": ticker, "ts": seen, "known_at": seen, "seq": list(range(len(seen)))}
        asks = [bid + 0.5 for bid in bids]
        found["raw.quotes"] = rows("raw.quotes", len(seen), **book, bid=bids, ask=asks)
    end, p = midnight + CLOSE_OF_DAY, prices[us <= close_us]
    ohlcv = {"open": p[0], "high": p.max(), "low": p.min(), "close": p[-1], "volume": sizes[us <= close_us].sum()}
    once = {"ticker": ticker, "ts": midnight - timedelta(hours=2), "ts_close": end, "known_at": end}
    found["raw.ohlcv_daily"] = rows("raw.ohlcv_daily", 1, **once, **{name: float(x) for name, x in ohlcv.items()})
    return found


def deliver(lake: Lake, days, tickers: tuple[str, ...] = ALL, but: tuple[str, ...] = ()) -> None:
    """Append the rows of some days and tickers, but for the tables `but`; weekends have none."""
    found: dict[str, list[pl.DataFrame]] = {}
    for day in days:
        for ticker in tickers:
            if (FIRST + timedelta(days=day)).weekday() < 5 and LISTED.get(ticker, 0) <= day <= EXPIRES.get(ticker, 99):
                for table, frame in day_of(day, ticker, has_quotes=ticker in ("ESU3", "IBM")).items():
                    found.setdefault(table, []).append(frame)
    for table in found.keys() - set(but):
        lake.append(table, pl.concat(found[table]))


def build(lake: Lake, chain: list[str] | None = None):
    chosen = [stage for name, stage in STAGES.items() if chain is None or name in chain]
    return run(lake, chosen, PARAMS if chain is None else FEWER, threads=2)


def built(lake: Lake, chain: list[str] | None = None) -> Lake:
    report = build(lake, chain)
    assert not report.failed, [outcome.error for outcome in report.failed]
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    found = new_lake(tmp_path_factory.mktemp("products") / "lake")
    deliver(found, range(N_DAYS))
    built(found)
    refresh_catalog(found, REPOSITORY / "warehouse")
    return found


def frame(lake: Lake, table: str, *given, **chosen) -> pl.DataFrame:
    return lake.scan(table).filter(*given, **chosen).collect().sort(tables(PARAMS)[lake.spec(table).name].key)


def rolls(lake: Lake) -> pl.DataFrame:
    return frame(lake, "futures_roll")


def sql(lake: Lake, query: str) -> pl.DataFrame:
    return open_catalog(lake.root / "warehouse.duckdb").sql(query).pl()


def test_two_rolls_by_volume(lake):
    found = rolls(lake)
    assert found["ticker"].to_list() == ["ESM3", "ESU3", "ESZ3"]
    assert found["gap_quote"].abs().min() == 0.0
    assert (found["gap_quote"].abs() > 5.0).sum() == 2


def test_the_product_stands_in_every_table_in_place_of_its_contracts(lake):
    for table in ("information_bars", "features", "events", "triple_barrier", "sample_weights", "dataset"):
        assert set(lake.scan(table).select("ticker").unique().collect()["ticker"]) - {"IBM"} == {"ES"}
    for table in ("predictions", "setups", "orders_log", "fills_log", "positions"):
        assert set(lake.scan(table).select("ticker").unique().collect()["ticker"]) == {"ES"}
    assert set(frame(lake, "information_bars", ticker="ES")["bar_spec"]) == set(BARS)


def test_no_bar_spans_a_roll(lake):
    bars = frame(lake, "information_bars", ticker="ES")
    for held_from in rolls(lake)["held_from"]:
        assert bars.filter(pl.col("ts_open") < held_from, pl.col("ts_close") > held_from).is_empty()
    # the hour in which the day closes is two bars, one a contract
    second = rolls(lake)["held_from"][1]
    hours = bars.filter(pl.col("bar_spec") == "time_1h", pl.col("ts_close").dt.date() == second.date())
    cut = hours.filter((pl.col("ts_close") == second) | (pl.col("ts_open") == second))
    assert cut["ts_close"].to_list() == [second, second + timedelta(minutes=45)]
    assert (hours["ts_open"].sort() >= hours["ts_close"].sort().shift(1)).all()


def test_bars_are_those_of_the_contract_held_as_if_it_began_with_the_roll(lake):
    """Raw rows cut by hand and given to the stage as those of a ticker."""
    bars, held = frame(lake, "information_bars", ticker="ES"), rolls(lake)
    ends = [*held["held_from"].to_list()[1:], None]
    compared = 0
    for (contract, begin, ratio), end in zip(
        held.select("ticker", "held_from", "cum_gap_ratio").iter_rows(), ends, strict=True
    ):
        given = {}
        for spec in information_bars.reads:
            table = frame(lake, spec.name)
            if spec.zone == "raw":
                known = pl.col(spec.known)
                of_contract = table.filter(pl.col("ticker") == contract, known > begin)
                table = of_contract if end is None else of_contract.filter(known <= end)
            elif spec.table in ("futures_roll", "contracts_dim", "daily_cache"):
                table = table.clear()
            given[spec.table] = table
        alone, _ = information_bars(**given, params=PARAMS["information_bars"], until=end)
        of_product = bars.filter(
            pl.col("ts_close") > begin, pl.col("ts_close") <= (end or datetime.max.replace(tzinfo=UTC))
        )
        is_cut = (pl.col("ts_open") == begin) | (pl.col("ts_close") == (end or begin))
        of_product = of_product.filter(~(is_cut & pl.col("bar_spec").is_in(["time_1h", "time_1m", "session_1h"])))
        key = ["bar_spec", "ts_close", "seq"]
        expected = alone.join(of_product.select(key), on=key, how="semi").with_columns(
            pl.lit("ES").alias("ticker"),
            pl.col("open", "high", "low", "close", "vwap", "price_factor") * (1.0 / ratio),
        )
        assert expected.height >= alone.height - 3
        assert_frame_equal(of_product.sort(key), expected.sort(key), check_exact=True)
        compared += expected.height
    assert compared > 5_000


def test_all_tickers_in_one_call_are_the_same(lake):
    given = {spec.table: frame(lake, spec.name) for spec in information_bars.reads}
    at_once, _ = information_bars(**given, params=PARAMS["information_bars"])
    assert_frame_equal(at_once, frame(lake, "information_bars"), check_exact=True)


def test_volume_is_conserved_over_the_rolls(lake):
    trades, held = frame(lake, "raw.trades"), rolls(lake)
    minutes = frame(lake, "information_bars", ticker="ES", bar_spec="time_1m")
    first, second, third = held["held_from"]
    of = [("ESM3", first, second), ("ESU3", second, third)]
    for contract, begin, end in of:
        traded = trades.filter(pl.col("ticker") == contract, pl.col("ts") > begin, pl.col("ts") < end)["size"].sum()
        in_bars = minutes.filter(pl.col("ts_close") > begin, pl.col("ts_close") <= end)["volume"].sum()
        assert in_bars == traded


def test_quotes_within_the_bars_are_those_of_the_contract(lake):
    """Only ESU3 has quotes."""
    measured = frame(lake, "bar_microstructure", ticker="ES", bar_spec="time_1h")
    _, second, third = rolls(lake)["held_from"]
    quoted = measured.filter(pl.col("n_quotes") > 0)["ts_close"]
    assert second < quoted.min()
    assert quoted.max() <= third
    quotes = frame(lake, "raw.quotes", ticker="ESU3").filter(pl.col("ts") > second, pl.col("ts") <= third)
    assert measured["n_quotes"].sum() == quotes.height > 500
    assert measured["trade_size_entropy"].null_count() == 0


def test_returns_over_a_roll_are_of_one_contract(lake):
    daily = frame(lake, "information_bars", ticker="ES", bar_spec="time_1d")
    assert daily["close"].pct_change().abs().max() < 0.018
    as_traded = daily.select(pl.col("close") / pl.col("price_factor")).to_series()
    assert as_traded.pct_change().abs().max() > 0.02
    seen = sql(lake, "from marts.continuous_bars where bar_spec = 'time_1d' order by ts_close")
    assert seen["close"].to_list() == daily["close"].to_list()
    assert seen["ticker"].unique(maintain_order=True).to_list() == ["ESM3", "ESU3", "ESZ3"]


def test_every_fill_leads_to_the_raw_rows_of_the_contract(lake):
    chain = sql(lake, "from marts.trade_chain order by filled_at, fill_id")
    fills = frame(lake, "fills_log")
    assert chain.height == fills.height > 6
    assert chain["raw_seq_last"].null_count() == chain["bar_close"].null_count() == 0
    assert set(chain["contract"]) == set(chain["raw_ticker"]) == {"ESU3", "ESZ3"}
    trades = frame(lake, "raw.trades")
    for row in chain.iter_rows(named=True):
        raw = sql(lake, f"from marts.fill_raw_trades('{row['fill_id']}')")
        assert set(raw["ticker"]) == {row["raw_ticker"]}
        assert raw["size"].sum() == row["bar_volume"]
        factor = row["bar_price_factor"]
        assert (raw["price"].max() * factor, raw["price"].min() * factor) == (row["bar_high"], row["bar_low"])
        # stop and target lie between two ticks; what was paid is a price of the contract, not of the product
        day = trades.filter(pl.col("ticker") == row["contract"], pl.col("ts").dt.date() == row["filled_at"].date())
        assert day["price"].min() - 1.0 <= row["price"] <= day["price"].max() + 1.0
    entries = chain.filter(pl.col("order_type") == "market", pl.col("fill_id").str.contains("entry"))
    at_open = entries.join(trades, left_on=["contract", "filled_at"], right_on=["ticker", "ts"], suffix="_raw")
    assert set(at_open["fill_id"]) == set(entries["fill_id"])


def test_the_result_is_that_of_the_contracts(lake):
    """Cash as traded, and what is held at the end at the contract's own price."""
    fills = frame(lake, "fills_log")
    sign = pl.when(pl.col("side") == "sell").then(1.0).otherwise(-1.0)
    cash = fills.select((sign * pl.col("qty") * pl.col("price") * 50.0 - pl.col("fee")).sum()).item()
    held = -fills.select((sign * pl.col("qty")).sum()).item()
    last = frame(lake, "information_bars", ticker="ES", bar_spec="dollar_70M").row(-1, named=True)
    cash += held * last["close"] / last["price_factor"] * 50.0
    assert frame(lake, "pnl_daily")["equity"][-1] == pytest.approx(2_000_000.0 + cash)
    assert abs(cash) > 100.0


def test_no_position_is_held_over_a_roll(lake):
    chain = sql(lake, "from marts.trade_chain order by filled_at, fill_id")
    by_signal = chain.group_by("signal_id").agg(pl.col("contract").n_unique(), pl.col("qty").n_unique(), pl.len())
    assert by_signal["contract"].to_list() == [1] * by_signal.height
    assert by_signal["qty"].to_list() == [1] * by_signal.height
    assert (chain["qty"] == chain["qty"].round()).all()
    left = frame(lake, "signals_history", action="EXIT", reason="contract given up")
    last = rolls(lake)["held_from"][2]
    assert set(left["ts"]) <= set(rolls(lake)["held_from"])
    assert left["ts"].to_list() == [last]
    exits = chain.filter(pl.col("signal_id").is_in(left["signal_id"].implode()), pl.col("filled_at") == last)
    assert exits["contract"].to_list() == ["ESU3"]
    bars = frame(lake, "information_bars", ticker="ES", bar_spec="dollar_70M").filter(pl.col("ts_close") <= last)
    paid = exits["price"][0] / (bars["close"][-1] / bars["price_factor"][-1])
    assert abs(paid - 1.0) == pytest.approx(0.8e-4)
    assert frame(lake, "fills_log", pl.col("ts") == last)["fee"].to_list() == (2.0 * exits["qty"]).to_list()


DERIVED = [f"processed_features.{name}" for name in CHAIN[1:]]


def versions(lake: Lake) -> dict[str, str]:
    return {name: lake.snapshot().tables[name] for name in DERIVED}


@pytest.fixture
def _short_segments(monkeypatch):
    monkeypatch.setattr(resume, "SEGMENT_ROWS", 900)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return what a build of 36 days from nothing leaves."""
    found = new_lake(tmp_path_factory.mktemp("whole") / "lake")
    deliver(found, range(36))
    return versions(built(found, CHAIN))


@pytest.mark.usefixtures("_short_segments")
def test_increments_with_rolls_and_a_new_contract_equal_the_whole(whole, tmp_path, monkeypatch):
    lake = new_lake(tmp_path / "lake", contracts=("ESM3", "ESU3"))
    deliver(lake, range(8))
    built(lake, CHAIN)
    list_tickers(lake, "ESZ3")
    list_contract(lake, "ESZ3")
    for first, last in ((8, 15), (15, 16), (16, 24), (24, 33), (33, 36)):
        deliver(lake, range(first, last))
        built(lake, CHAIN)
    assert versions(lake) == whole


@pytest.mark.usefixtures("_short_segments")
@pytest.mark.parametrize("late", ["a contract", "daily bars", "the product", "trades of the contract held"])
def test_what_arrives_late_equals_the_whole(late, whole, tmp_path):
    lake = new_lake(tmp_path / "lake", product="" if late == "the product" else "ES")
    if late == "a contract":
        deliver(lake, range(36), ("ESM3", "ESU3", "IBM"))
        built(lake, CHAIN)
        assert rolls(lake).height == 2
        deliver(lake, range(36), ("ESZ3",))
    elif late == "daily bars":
        deliver(lake, range(36), but=("raw.ohlcv_daily",))
        deliver(lake, [*range(14), *range(18, 36)])
        built(lake, CHAIN)
        deliver(lake, range(14, 18))
    elif late == "the product":
        deliver(lake, range(36))
        built(lake, CHAIN)
        assert "ESU3" in frame(lake, "information_bars")["ticker"]
        list_tickers(lake, "ES")
    else:
        deliver(lake, [*range(22), *range(23, 36)])
        built(lake, CHAIN)
        deliver(lake, [22])
    assert versions(lake) != whole
    assert versions(built(lake, CHAIN)) == whole


@pytest.mark.usefixtures("_short_segments")
def test_a_day_more_resumes_the_product(tmp_path, monkeypatch):
    lake = new_lake(tmp_path / "lake")
    deliver(lake, range(25))
    built(lake, CHAIN)
    seen = []
    honest = resume.Resumption.__call__

    def told(self, ticker):
        resumed = honest(self, ticker)
        seen.append((self._stage.name, ticker, resumed.since))
        return resumed

    monkeypatch.setattr(resume.Resumption, "__call__", told)
    deliver(lake, [25])
    built(lake, CHAIN)
    since = {ticker: moment for name, ticker, moment in seen if name == "information_bars"}
    assert set(since) == {"ES", "IBM"}
    assert since["ES"] > FIRST + timedelta(days=17)


def test_what_is_known_by_a_time_does_not_change(lake, tmp_path):
    """Law 2 for a product: the lake without all later data, and without the contract that is listed later."""
    other = new_lake(tmp_path / "lake", contracts=("ESM3", "ESU3"))
    deliver(other, range(22), ("ESM3", "ESU3", "IBM"))
    built(other, CHAIN)
    moment = FIRST + timedelta(days=22)
    for table, known in (("futures_roll", "held_from"), ("information_bars", "ts_close"), ("features", "ts_close")):
        key = list(tables(PARAMS)[lake.spec(table).name].key)
        expected = frame(lake, table, pl.col(known) <= moment)
        if "bar_spec" in key:
            expected = expected.filter(pl.col("bar_spec").is_in(FEW))
        actual = frame(other, table).join(expected.select(key), on=key, how="semi", maintain_order="left")
        assert_frame_equal(actual, expected.join(actual.select(key), on=key, how="semi", maintain_order="left"))
        # a time bar that no later trade has ended yet
        assert expected.height - actual.height <= 2
        assert actual.height > 0


def test_one_wrong_product_leaves_the_others(tmp_path):
    lake = new_lake(tmp_path / "lake")
    deliver(lake, range(4))
    built(lake, CHAIN)
    before = frame(lake, "futures_roll")
    later = {"ticker": "ESU3", "tick_size": 0.25, "valid_from": FIRST.date(), "known_at": FIRST + timedelta(days=1)}
    lake.append("reference.tickers_dim", rows("reference.tickers_dim", 1, **(FACTS | later | {"currency": "EUR"})))
    deliver(lake, [4])
    report = build(lake, CHAIN)
    assert [outcome.stage for outcome in report.failed] == ["futures_roll"]
    assert "currency of 1 contracts is not that of their product" in report.failed[0].error
    assert_frame_equal(frame(lake, "futures_roll"), before)
    assert frame(lake, "information_bars", ticker="IBM")["ts_close"].max() > FIRST + timedelta(days=4)


def test_a_product_with_raw_rows_of_its_own_is_refused(tmp_path):
    lake = new_lake(tmp_path / "lake")
    deliver(lake, range(3))
    deliver(lake, [1], ("ES",))
    report = build(lake, CHAIN)
    bars = next(outcome for outcome in report.outcomes if outcome.stage == "information_bars")
    assert bars.failures["ES"].startswith("ES is a product of reference.contracts_dim and has raw rows of its own")
    assert set(frame(lake, "information_bars")["ticker"]) == {"IBM"}
