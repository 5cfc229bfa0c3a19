from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tsis.core.discovery import members
from tsis.core.errors import DataError, UnknownNameError
from tsis.sources import sample
from tsis.sources.protocol import REJECTED, Source
from tsis.sources.sample import FOLDER, SAMPLE, SampleRequest
from tsis.sources.typed import table_spec


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    parts: dict[str, list[pl.DataFrame]] = {}
    for batch in SAMPLE.batches(SampleRequest()):
        assert batch.rejected.schema == REJECTED
        assert batch.rejected.is_empty(), batch.rejected["reason"].to_list()
        assert batch.n_out_of_order == 0
        parts.setdefault(batch.table, []).append(batch.rows)
    return {name: pl.concat(frames) for name, frames in parts.items()}


def test_every_source_is_found_by_discovery():
    found = members("tsis.sources", Source)
    assert [source.name for source in found] == sorted(source.name for source in found)
    assert {"sample", "files", "lean"} <= {source.name for source in found}


def test_every_table_meets_its_contract(tables):
    assert {name: frame.height for name, frame in tables.items()} == {
        "reference.exchanges_dim": 4,
        "reference.sectors_dim": 1,
        "reference.tickers_dim": 10,
        "reference.corporate_actions": 95,
        "raw.trades": 500_000,
        "raw.ohlcv_daily": 12_154,
        "raw.ohlcv_1h": 6_225,
    }
    for name, frame in tables.items():
        spec = table_spec(name)
        spec.schema.validate(frame)
        assert frame.schema == spec.polars_schema
        assert not frame.select(spec.key).is_duplicated().any(), name


def test_references_resolve(tables):
    tickers = tables["reference.tickers_dim"]
    assert set(tickers["exchange"]) <= set(tables["reference.exchanges_dim"]["mic"])
    assert set(tickers["sector"].drop_nulls()) <= set(tables["reference.sectors_dim"]["sector"])
    for name in ("raw.trades", "raw.ohlcv_daily", "raw.ohlcv_1h", "reference.corporate_actions"):
        assert set(tables[name]["ticker"]) <= set(tickers["ticker"])
    es = tickers.filter(pl.col("ticker") == "ES").row(0, named=True)
    assert (es["exchange"], es["multiplier"], es["tick_size"]) == ("XCME", 50.0, 0.25)


def test_the_universe_is_as_it_was_known_then(tables):
    fb = tables["reference.tickers_dim"].filter(pl.col("ticker") == "FB")
    then = fb.filter(pl.col("known_at") <= datetime(2013, 3, 1, tzinfo=UTC))
    assert then["valid_to"].to_list() == [None]
    assert fb.sort("known_at")["valid_to"].to_list() == [None, date(2022, 6, 8)]


def test_trades_are_in_utc_and_in_the_order_of_the_file(tables):
    trades = tables["raw.trades"]
    assert trades["ts"][0] == datetime(2013, 9, 1, 22, 0, 0, 83_000, tzinfo=UTC)  # 17:00:00.083 in Chicago
    assert trades["ts"].is_sorted()
    assert trades["seq"].to_list() == list(range(1, 500_001))
    assert trades["price"].head(3).to_list() == [1640.25] * 3
    assert trades["size"].head(3).to_list() == [8.0, 1.0, 2.0]
    assert (trades["known_at"] == trades["ts"]).all()


def test_daily_bars_span_their_session(tables):
    daily = tables["raw.ohlcv_daily"].filter(pl.col("ticker") == "IBM")
    hours = dict(zip(daily["ts"].dt.date(), daily.select("ts", "ts_close").rows(), strict=True))
    assert hours[date(2001, 12, 24)][1] == datetime(2001, 12, 24, 18, tzinfo=UTC)  # a half day
    assert hours[date(2012, 7, 2)] == (datetime(2012, 7, 2, 13, 30, tzinfo=UTC), datetime(2012, 7, 2, 20, tzinfo=UTC))
    assert hours[date(2013, 1, 2)][0] == datetime(2013, 1, 2, 14, 30, tzinfo=UTC)
    assert (daily["known_at"] == daily["ts_close"]).all()


def test_a_declared_delay_moves_known_at_only():
    request = SampleRequest(tables=("raw.ohlcv_daily",), delay_s=3600)
    rows = next(iter(SAMPLE.batches(request))).rows
    assert (rows["known_at"] - rows["ts_close"]).dt.total_seconds().unique().to_list() == [3600]


def test_hourly_bars_last_an_hour_and_their_week_follows_new_york(tables):
    bars = tables["raw.ohlcv_1h"]
    assert (bars["ts_close"] - bars["ts"]).dt.total_hours().unique().to_list() == [1]
    # the evidence for UTC: the week begins at 17:00 in New York on both sides of its changes of clocks
    opens = bars.filter((pl.col("ts").diff().dt.total_hours() > 40) & (pl.col("ts").dt.month() != 12))
    assert opens["ts"].dt.convert_time_zone("America/New_York").dt.hour().unique().to_list() == [17]


def test_splits_and_dividends_are_the_known_ones(tables):
    actions = tables["reference.corporate_actions"]
    splits = actions.filter(pl.col("kind") == "split")
    assert splits.select("ticker", "ex_date", "ratio").rows() == [
        ("AAPL", date(2000, 6, 21), 2.0),
        ("AAPL", date(2005, 2, 28), 2.0),
        ("MSFT", date(2003, 2, 18), 2.0),
    ]
    dividends = {(row["ticker"], row["ex_date"]): row["amount"] for row in actions.iter_rows(named=True)}
    assert dividends["MSFT", date(2004, 11, 15)] == 3.08  # 3.00 special and 0.08
    assert dividends["MSFT", date(2003, 2, 19)] == 0.08  # its first
    assert dividends["AAPL", date(2012, 8, 9)] == 2.65
    assert dividends["IBM", date(2012, 5, 8)] == 0.85
    by_year = actions.filter((pl.col("ticker") == "IBM") & (pl.col("ex_date").dt.year().is_between(2001, 2012)))
    assert by_year.height == 48  # four a year
    assert (actions["known_at"].dt.date() == actions["ex_date"]).all()


def test_the_actions_reproduce_the_adjusted_closes():
    daily = pl.read_parquet(FOLDER / "us_daily.parquet")
    actions = pl.read_parquet(FOLDER / "us_corporate_actions.parquet")
    joined = daily.join(actions, left_on=["ticker", "date"], right_on=["ticker", "ex_date"], how="left")
    # the vendor divides by (close + dividend) / close of the ex-date
    step = pl.col("ratio").fill_null(1.0) * (1 + pl.col("amount").fill_null(0.0) / pl.col("close"))
    factor = (pl.col("adj_close") / pl.col("close")).first().over("ticker") * step.cum_prod().over("ticker")
    error = joined.sort("ticker", "date").select((factor * pl.col("close") / pl.col("adj_close") - 1).abs().max())
    assert error.item() < 1e-9


def test_the_readme_states_every_file_as_it_is():
    readme = (FOLDER / "README.md").read_text("utf-8")
    stated = dict(re.findall(r"\| `(\S+\.parquet)` \|.*?`([0-9a-f]{64})`", readme))
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in FOLDER.glob("*.parquet")}
    assert stated == found
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) < 6_000_000


def test_an_absent_folder_and_an_unknown_table_are_named(monkeypatch, tmp_path):
    with pytest.raises(UnknownNameError, match=r"did you mean 'raw\.trades'"):
        SAMPLE.batches(SampleRequest(tables=("raw.trade",)))
    monkeypatch.setattr(sample, "FOLDER", Path(tmp_path) / "sample")
    with pytest.raises(DataError, match="clone"):
        SAMPLE.batches(SampleRequest())
