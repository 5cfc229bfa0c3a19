from __future__ import annotations

import os
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tsis.core.errors import DataError, UnknownNameError
from tsis.sources.lean import LEAN, LeanRequest
from tsis.sources.typed import table_spec

REAL = Path(os.environ.get("TSIS_LEAN_DATA", Path(__file__).resolve().parents[4] / "shared" / "data" / "lean"))


def archive(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(path.stem + ".csv", text)


@pytest.fixture
def folder(tmp_path) -> Path:
    usa = tmp_path / "equity" / "usa"
    for name in ("map_files", "factor_files"):
        (usa / name).mkdir(parents=True)
    (usa / "map_files/xyz.csv").write_text("20000103,old,N\n20101231,old,N\n20131011,xyz,Q\n")
    (usa / "factor_files/xyz.csv").write_text(
        "20000103,0.495,0.1666667,1\n20101231,0.495,0.1666667,30\n20130906,0.99,0.1666667,50\n"
        "20131009,0.99,0.5,60\n20501231,1,1,0"
    )
    archive(usa / "daily/xyz.zip", "20131129 00:00,1000000,1010000,990000,1005000,500\n20131228 00:00,1,1,1,1,1\n")
    archive(usa / "hour/xyz.zip", "20131101 09:00,1000000,1010000,990000,1005000,500\n")
    archive(usa / "minute/xyz/20131104_trade.zip", "34200000,1000000,1010000,990000,1005000,500")
    archive(
        usa / "tick/xyz/20131101_trade.zip",
        "34200001,1000000,100,N,1,0\n34200001,1000100,200,Q,20000020,1\n34200000,0,300,D,80,0\n",
    )
    archive(
        usa / "tick/xyz/20131101_quote.zip",
        "34200001,0,0,1000100,300,Q,1,0\n34200002,1000000,100,999900,200,Q,1,1\nx,1,1,1,1,Q,1,0\n",
    )
    return tmp_path


def read(folder: Path, table: str, **options: object) -> tuple[pl.DataFrame, pl.DataFrame]:
    batches = list(LEAN.batches(LeanRequest(path=str(folder), tables=(table,), **options)))
    assert {batch.table for batch in batches} == {table}
    rows = pl.concat([batch.rows for batch in batches])
    assert rows.schema == table_spec(table).polars_schema
    return rows, pl.concat([batch.rejected for batch in batches])


def test_trades_keep_everything_the_vendor_says(folder):
    rows, rejected = read(folder, "raw.trades", delay_s=2)
    assert rejected.is_empty()
    assert rows.select("ticker", "price", "size", "exchange", "conditions", "is_suspicious", "seq").rows() == [
        ("XYZ", 100.0, 100.0, "N", "1", False, 1),
        ("XYZ", 100.01, 200.0, "Q", "20000020", True, 2),
        ("XYZ", 0.0, 300.0, "D", "80", False, 3),
    ]
    assert rows["ts"][0] == datetime(2013, 11, 1, 13, 30, 0, 1_000, tzinfo=UTC)
    assert rows["known_at"][0] == datetime(2013, 11, 1, 13, 30, 2, 1_000, tzinfo=UTC)


def test_the_side_that_a_quote_lacks_is_null_and_a_bad_row_rejected(folder):
    rows, rejected = read(folder, "raw.quotes")
    assert rows.select("bid", "bid_size", "ask", "ask_size", "is_suspicious").rows() == [
        (None, None, 100.01, 300.0, False),
        (100.0, 100.0, 99.99, 200.0, True),  # crossed: for the lake to judge
    ]
    assert rejected.select("row", "reason").rows() == [(3, "ts: not a time: 'x'")]


def test_bars_take_new_yorks_clock_on_both_sides_of_its_change(folder):
    hour, _ = read(folder, "raw.ohlcv_1h")
    assert hour.select("ts", "ts_close", "open", "volume").row(0) == (
        datetime(2013, 11, 1, 13, tzinfo=UTC),
        datetime(2013, 11, 1, 14, tzinfo=UTC),
        100.0,
        500.0,
    )
    minute, _ = read(folder, "raw.ohlcv_1m")
    assert minute["ts"][0] == datetime(2013, 11, 4, 14, 30, tzinfo=UTC)
    assert minute["known_at"][0] == datetime(2013, 11, 4, 14, 31, tzinfo=UTC)


def test_daily_bars_span_their_session(folder):
    rows, rejected = read(folder, "raw.ohlcv_daily")
    assert rows["ts_close"].to_list() == [datetime(2013, 11, 29, 18, tzinfo=UTC)]
    assert rejected["reason"].to_list() == ["ts: 2013-12-28 is no session of XNYS"]


def test_symbols_have_their_history_as_it_was_known(folder):
    rows, _ = read(folder, "reference.tickers_dim")
    assert rows.select("ticker", "exchange", "valid_from", "valid_to", "is_delisted", "known_at").rows() == [
        ("OLD", "XNYS", date(2000, 1, 3), None, False, datetime(2000, 1, 3, tzinfo=UTC)),
        ("OLD", "XNYS", date(2000, 1, 3), date(2010, 12, 31), False, datetime(2011, 1, 1, tzinfo=UTC)),
        ("XYZ", "XNAS", date(2011, 1, 1), None, False, datetime(2011, 1, 1, tzinfo=UTC)),
        ("XYZ", "XNAS", date(2011, 1, 1), date(2013, 10, 11), True, datetime(2013, 10, 12, tzinfo=UTC)),
    ]
    venues, _ = read(folder, "reference.exchanges_dim")
    assert venues["mic"].to_list() == ["XNAS", "XNYS"]


def test_factors_become_actions_of_the_next_session(folder):
    rows, _ = read(folder, "reference.corporate_actions")
    assert rows.select("ticker", "ex_date", "kind", "ratio", "amount", "successor").rows() == [
        ("OLD", date(2011, 1, 3), "symbol_change", None, None, "XYZ"),
        ("XYZ", date(2011, 1, 3), "dividend", None, 15.0, None),
        ("XYZ", date(2013, 9, 9), "split", 3.0, None, None),
        ("XYZ", date(2013, 10, 10), "dividend", None, 0.6, None),
        ("XYZ", date(2013, 10, 10), "split", 2.0, None, None),
    ]
    assert (rows["known_at"].dt.date() == rows["ex_date"]).all()


def test_an_empty_archive_is_an_empty_day(folder):
    archive(folder / "equity/usa/tick/xyz/20131104_trade.zip", "")
    assert read(folder, "raw.trades")[0].height == 3


def test_many_small_files_are_few_batches(folder):
    for day in range(5, 9):
        archive(folder / f"equity/usa/minute/xyz/201311{day:02}_trade.zip", "34200000,1,1,1,1,5")
    batches = list(LEAN.batches(LeanRequest(path=str(folder), tables=("raw.ohlcv_1m",))))
    assert [batch.rows.height for batch in batches] == [5]
    assert batches[0].origin.endswith("(5 files)")


@pytest.mark.parametrize("damage", ["truncated", "bytes"])
def test_a_damaged_archive_is_an_error(folder, damage):
    path = folder / "equity/usa/tick/xyz/20131101_trade.zip"
    archive(path, "".join(f"{34200000 + i},{1000000 + i * 7919 % 1000},100,N,1,0\n" for i in range(5_000)))
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    else:
        content[len(content) // 2 : len(content) // 2 + 200] = b"\0" * 200
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read(folder, "raw.trades")


def test_a_wrong_folder_ticker_and_table_are_named(folder, tmp_path):
    with pytest.raises(DataError, match="equity/usa"):
        LEAN.batches(LeanRequest(path=str(tmp_path / "equity")))
    with pytest.raises(UnknownNameError, match="did you mean 'XYZ'"):
        LEAN.batches(LeanRequest(path=str(folder), tickers=("XYY",)))
    with pytest.raises(UnknownNameError, match=r"did you mean 'raw\.trades'"):
        LEAN.batches(LeanRequest(path=str(folder), tables=("raw.trade",)))
    with pytest.raises(UnknownNameError):
        LEAN.batches(LeanRequest(path=str(folder), tickers=("../x",)))


@pytest.mark.skipif(not REAL.is_dir(), reason="no LEAN data (TSIS_LEAN_DATA)")
def test_the_real_actions_are_the_known_ones():
    rows, _ = read(REAL, "reference.corporate_actions")
    known = {(row["ticker"], row["ex_date"], row["kind"]): row["ratio"] or row["amount"] for row in rows.to_dicts()}
    assert known["AAPL", date(2014, 6, 9), "split"] == 7.0
    assert known["AAPL", date(2020, 8, 31), "split"] == 4.0
    assert known["AAPL", date(2021, 2, 5), "dividend"] == 0.205
    assert known["IBM", date(2021, 2, 9), "dividend"] == 1.63
    assert known["NB", date(1998, 3, 4), "dividend"] == 0.38
    assert rows.filter(pl.col("kind") == "symbol_change")["successor"].to_list() == ["GOOG", "GOOGL", "BAC"]


@pytest.mark.skipif(not REAL.is_dir(), reason="no LEAN data (TSIS_LEAN_DATA)")
def test_a_chosen_ticker_brings_the_company_that_had_it_before():
    rows, _ = read(REAL, "reference.tickers_dim", tickers=("GOOG",))
    assert {"GOOG", "GOOGL", "GOOCV"} == set(rows["ticker"])
    table_spec("reference.tickers_dim").schema.validate(rows)
