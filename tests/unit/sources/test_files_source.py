from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from tsis.core.errors import DataError, UnknownNameError, UsageError
from tsis.sources.files import FILES, FilesRequest
from tsis.sources.protocol import Batch
from tsis.sources.typed import table_spec

TICKS = "when,Price,Volume\n2013-09-01 17:00:00.083,1640.25,8\n2013-09-01 17:00:00.083,1640.25,1\n"
MAPPING = {"when": "ts", "Price": "price", "Volume": "size"}


def written(folder: Path, text: str | bytes, name: str = "ticks.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path, **options: object) -> Batch:
    options = {"table": "raw.trades", "ticker": "ES", "columns": MAPPING, **options}
    batches = list(FILES.batches(FilesRequest(path=str(path), **options)))
    assert all(batch.rows.schema == table_spec(batch.table).polars_schema for batch in batches)
    assert len(batches) == 1
    return batches[0]


def reasons(batch: Batch) -> list[tuple[int, str]]:
    return batch.rejected.select("row", "reason").rows()


def test_trades_take_zone_delay_and_defaults(tmp_path):
    batch = read(written(tmp_path, TICKS), timezone="America/Chicago", delay_s=1.5, source="vendor")
    assert batch.rows.row(0, named=True) == {
        "ticker": "ES",
        "ts": datetime(2013, 9, 1, 22, 0, 0, 83_000, tzinfo=UTC),
        "seq": 1,
        "price": 1640.25,
        "size": 8.0,
        "side": "unknown",
        "conditions": None,
        "exchange": None,
        "is_suspicious": False,
        "source": "vendor",
        "is_synthetic": False,
        "is_deleted": False,
        "known_at": datetime(2013, 9, 1, 22, 0, 1, 583_000, tzinfo=UTC),
    }
    assert batch.rejected.is_empty()
    assert not batch.has_vendor_seq


def test_known_at_of_a_correction_is_what_was_said(tmp_path):
    said = datetime(2013, 10, 1, 12, tzinfo=UTC)
    assert read(written(tmp_path, TICKS), known_at=said).rows["known_at"].to_list() == [said, said]
    with pytest.raises(ValidationError):
        FilesRequest(path="x", table="raw.trades", known_at=datetime(2013, 10, 1))  # noqa: DTZ001


def test_csv_gzip_and_parquet_give_equal_rows(tmp_path):
    plain = read(written(tmp_path, TICKS)).rows
    zipped = read(written(tmp_path, gzip.compress(TICKS.encode()), "ticks.csv.gz")).rows
    pl.read_csv(TICKS.encode(), try_parse_dates=True).write_parquet(tmp_path / "ticks.parquet")
    assert zipped.equals(plain)
    assert read(tmp_path / "ticks.parquet").rows.equals(plain)


def test_a_folder_is_read_in_name_order_and_seq_is_per_file(tmp_path):
    written(tmp_path, TICKS, "b.csv")
    written(tmp_path, TICKS, "a.csv")
    request = FilesRequest(path=str(tmp_path), table="raw.trades", ticker="ES", columns=MAPPING)
    batches = list(FILES.batches(request))
    assert [batch.origin for batch in batches] == ["a.csv", "b.csv"]
    assert [batch.rows["seq"].to_list() for batch in batches] == [[1, 2], [1, 2]]


def test_columns_of_our_names_need_no_mapping_but_provenance_does(tmp_path):
    text = "ts,ticker,seq,price,size,source\n2013-09-01T22:00:00Z,ES,7,1640.25,8,theirs\n"
    batch = read(written(tmp_path, text), ticker=None, columns={})
    assert batch.has_vendor_seq
    assert batch.rows.select("ticker", "seq", "source").row(0) == ("ES", 7, "files")


# what is wrong with the file


@pytest.mark.parametrize("name", ["no.csv", "no/*.csv.gz"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(DataError, match="no file matches"):
        FILES.batches(FilesRequest(path=str(tmp_path / name), table="raw.trades"))


@pytest.mark.parametrize("name", ["ticks.csv", "ticks.csv.gz", "ticks.parquet"])
def test_an_empty_file_is_an_error(tmp_path, name):
    with pytest.raises(DataError, match="empty"):
        read(written(tmp_path, b"", name))


def test_an_empty_day_gives_no_rows(tmp_path):
    batch = read(written(tmp_path, "when,Price,Volume\n"))
    assert batch.rows.is_empty()
    assert batch.rejected.is_empty()
    pl.DataFrame(schema={"when": pl.Datetime("us"), "Price": pl.Float64, "Volume": pl.Int64}).write_parquet(
        tmp_path / "ticks.parquet"
    )
    assert read(tmp_path / "ticks.parquet").rows.is_empty()


def test_a_truncated_gzip_is_an_error(tmp_path):
    content = gzip.compress("".join(f"{i},{i * 7919 % 1000}\n" for i in range(50_000)).encode())
    path = written(tmp_path, content[: len(content) // 2], "ticks.csv.gz")
    with pytest.raises(DataError, match="truncated"):
        read(path, columns={"0": "ts"})


def test_a_truncated_parquet_is_an_error(tmp_path):
    pl.DataFrame({"when": ["2013-09-01"], "Price": [1.0], "Volume": [1]}).write_parquet(tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    with pytest.raises(DataError, match="truncated"):
        read(written(tmp_path, content[:-20], "ticks.parquet"))


def test_text_that_is_not_utf8_is_an_error(tmp_path):
    with pytest.raises(DataError, match="UTF-8"):
        read(written(tmp_path, TICKS.encode() + b"\xff,1,1\n"))


@pytest.mark.parametrize(("delimiter", "said"), [(";", "semicolon"), ("\t", "tab")])
def test_a_wrong_delimiter_is_recognised(tmp_path, delimiter, said):
    path = written(tmp_path, TICKS.replace(",", delimiter))
    with pytest.raises(DataError, match=said):
        read(path)
    assert read(path, delimiter=delimiter).rows.height == 2


# what is wrong with the request


def test_an_unknown_column_is_named_with_the_nearest(tmp_path):
    path = written(tmp_path, TICKS)
    with pytest.raises(UsageError, match="did you mean 'Price'"):
        read(path, columns={**MAPPING, "Prise": "price"})
    with pytest.raises(UsageError, match=r"raw\.trades has no column 'prize'.*did you mean 'price'"):
        read(path, columns={"Price": "prize"})
    with pytest.raises(UsageError, match="same column"):
        read(path, columns={"Price": "price", "Volume": "price"})


def test_a_missing_required_column_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"lacks size.*when, Price, Volume"):
        read(written(tmp_path, TICKS), columns={"when": "ts", "Price": "price"})
    with pytest.raises(UsageError, match="give ticker"):
        read(written(tmp_path, TICKS), ticker=None)


@pytest.mark.parametrize("ticker", ["../x", "CON", "a/b", ""])
def test_a_constant_that_is_no_ticker_is_refused(tmp_path, ticker):
    with pytest.raises(UsageError, match="can't be a ticker"):
        FILES.batches(FilesRequest(path=str(written(tmp_path, TICKS)), table="raw.trades", ticker=ticker))


def test_unknown_names_get_the_nearest(tmp_path):
    path = written(tmp_path, TICKS)
    with pytest.raises(UnknownNameError, match=r"did you mean 'raw\.trades'"):
        read(path, table="raw.tradez")
    with pytest.raises(UnknownNameError, match="did you mean 'America/Chicago'"):
        read(path, timezone="America/Chicagoo")
    bars = written(tmp_path, "ts,open,high,low,close,volume\n2013-09-03,1,1,1,1,1\n", "bars.csv")
    with pytest.raises(UnknownNameError, match="calendar 'XNYZ'"):
        read(bars, table="raw.ohlcv_daily", columns={}, calendar="XNYZ")


# what is wrong with a row


def test_rows_that_cannot_be_typed_are_rejected_with_number_reason_and_content(tmp_path):
    text = (
        "when,Price,Volume\n"
        "2013-09-01 17:00:00,1640.25,8\n"
        "2013-09-01 17:00:01,abc,x\n"
        "2013-09-01 17:00:02,1\n"
        "yesterday,1640.25,1\n"
        ",1640.25,1\n"
        "2013-09-01 17:00:03,1641,2\n"
    )
    batch = read(written(tmp_path, text))
    assert batch.rows["price"].to_list() == [1640.25, 1641.0]
    assert batch.rows["seq"].to_list() == [1, 6]
    assert reasons(batch) == [
        (2, "price: not a number: 'abc'; size: not a number: 'x'"),
        (3, "2 fields, expected 3"),
        (4, "ts: not a time: 'yesterday'"),
        (5, "ts: missing"),
    ]
    assert json.loads(batch.rejected["content"][0]) == {"when": "2013-09-01 17:00:01", "Price": "abc", "Volume": "x"}
    assert batch.rejected["source_file"].unique().to_list() == ["ticks.csv"]


def test_values_that_break_rules_stay_for_the_lake_to_judge(tmp_path):
    prices = ["0", "-1.5", "NaN", "inf", "-inf", ""]
    text = "when,Price,Volume\n" + "".join(f"2013-09-01 17:00:0{i},{p},1\n" for i, p in enumerate(prices))
    batch = read(written(tmp_path, text))
    assert batch.rejected.is_empty()
    assert batch.rows["price"].to_list()[:2] == [0.0, -1.5]
    assert batch.rows["price"].is_nan()[2]
    assert batch.rows["price"].is_infinite().to_list()[3:5] == [True, True]
    assert batch.rows["price"][5] is None


def test_a_crossed_quote_stays_for_the_lake_to_judge(tmp_path):
    text = "ts,bid,bid_size,ask,ask_size\n2013-09-03 14:00:00,101,1,100,1\n"
    batch = read(written(tmp_path, text), table="raw.quotes", columns={})
    assert batch.rows.select("bid", "ask").row(0) == (101.0, 100.0)


def test_duplicate_and_out_of_order_ticks_are_kept_and_counted(tmp_path):
    text = TICKS + "2013-09-01 16:59:59,1640,1\n2013-09-01 17:00:05,1641,1\n2013-09-01 17:00:04,1641,1\n"
    batch = read(written(tmp_path, text))
    assert batch.rows.height == 5
    assert batch.n_out_of_order == 2
    assert batch.rows["seq"].to_list() == [1, 2, 3, 4, 5]


def test_order_is_judged_by_ticker(tmp_path):
    text = "ticker,ts,price,size\nA,2013-09-03 15:00:00,1,1\nB,2013-09-03 14:00:00,1,1\nA,2013-09-03 15:00:01,1,1\n"
    assert read(written(tmp_path, text), ticker=None, columns={}).n_out_of_order == 0


def test_names_in_a_column_that_are_no_tickers_are_rejected(tmp_path):
    text = "ticker,ts,price,size\n" + "".join(
        f"{name},2013-09-03 15:00:00,1,1\n" for name in ("IBM", "../x", "CON", "", "BRK.B")
    )
    batch = read(written(tmp_path, text), ticker=None, columns={})
    assert batch.rows["ticker"].to_list() == ["IBM", "BRK.B"]
    assert reasons(batch) == [
        (2, "ticker: '../x' can't be a ticker"),
        (3, "ticker: 'CON' can't be a ticker"),
        (4, "ticker: missing"),
    ]


def test_a_time_that_clocks_skip_is_rejected(tmp_path):
    text = TICKS + "2013-03-10 02:30:00,1640,1\n2013-03-10 03:00:00,1640,1\n"
    batch = read(written(tmp_path, text), timezone="America/New_York")
    assert reasons(batch) == [
        (3, "ts: '2013-03-10 02:30:00' does not exist in America/New_York: clocks skip it (DST gap)")
    ]
    assert batch.rows["ts"][2] == datetime(2013, 3, 10, 7, tzinfo=UTC)


def test_a_time_that_occurs_twice_is_rejected_unless_told_which(tmp_path):
    path = written(tmp_path, "when,Price,Volume\n2013-11-03 01:30:00,1640,1\n2013-11-03 02:00:00,1640,1\n")
    assert reasons(read(path, timezone="America/New_York"))[0][1].startswith("ts: '2013-11-03 01:30:00' occurs twice")
    for rule, hour in (("earliest", 5), ("latest", 6)):
        batch = read(path, timezone="America/New_York", ambiguous=rule)
        assert batch.rows["ts"][0] == datetime(2013, 11, 3, hour, 30, tzinfo=UTC)


def test_a_file_of_which_no_row_can_be_typed_is_an_error(tmp_path):
    text = "when,Price,Volume\n" + "01/02/2013 10:00,1640,1\n" * 100
    with pytest.raises(DataError, match="none of the first 100 rows"):
        read(written(tmp_path, text))
    assert read(written(tmp_path, text), time_format="%d/%m/%Y %H:%M").rows.height == 100


# bars


def test_daily_bars_span_sessions_and_other_days_are_rejected(tmp_path):
    text = "ts,open,high,low,close,volume\n" + "".join(
        f"{day},1,2,0.5,1.5,100\n" for day in ("2013-11-29", "2013-12-25", "2013-12-26")
    )
    path = written(tmp_path, text)
    batch = read(path, table="raw.ohlcv_daily", columns={}, calendar="XNYS", delay_s=60)
    assert reasons(batch) == [(2, "ts: 2013-12-25 is no session of XNYS")]
    half_day = batch.rows.row(0, named=True)
    assert half_day["ts"] == datetime(2013, 11, 29, 14, 30, tzinfo=UTC)
    assert half_day["ts_close"] == datetime(2013, 11, 29, 18, tzinfo=UTC)
    assert half_day["known_at"] == datetime(2013, 11, 29, 18, 1, tzinfo=UTC)
    assert half_day["open"] == 1.0
    with pytest.raises(UsageError, match="calendar"):
        read(path, table="raw.ohlcv_daily", columns={})


def test_minute_bars_end_after_a_minute_or_what_is_said(tmp_path):
    path = written(tmp_path, "ts,open,high,low,close,volume\n2013-09-03 14:30:00,1,2,0.5,1.5,100\n")
    minute = read(path, table="raw.ohlcv_1m", columns={}).rows
    assert minute["known_at"][0] == datetime(2013, 9, 3, 14, 31, tzinfo=UTC)
    longer = read(path, table="raw.ohlcv_1m", columns={}, bar_seconds=300).rows
    assert longer["ts_close"][0] == datetime(2013, 9, 3, 14, 35, tzinfo=UTC)


def test_corporate_actions_are_known_on_their_ex_date(tmp_path):
    path = written(tmp_path, "ex_date,kind,ratio\n2000-06-21,split,2\n")
    batch = read(path, table="reference.corporate_actions", ticker="AAPL", columns={})
    assert batch.rows["known_at"].to_list() == [datetime(2000, 6, 21, tzinfo=UTC)]
    assert batch.rows["amount"].to_list() == [None]
