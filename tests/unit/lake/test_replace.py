"""Replacing all rows, or those of some tickers."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from lakes import contents, days, declared, rows, shuffled, sorted_rows

from tsis.core.errors import ContractError, UsageError
from tsis.lake import Lake
from tsis.lake.check import check_lake

DAILY = "processed_features.daily_cache"
OLD, NEW = datetime(2019, 6, 3, 20, tzinfo=UTC), datetime(2020, 6, 3, 20, tzinfo=UTC)


def test_all_rows_are_replaced(lake: Lake) -> None:
    lake.replace(DAILY, days("IBM", [OLD, NEW]))
    lake.replace(DAILY, days("BAC", [NEW]))
    assert lake.scan(DAILY).collect().equals(days("BAC", [NEW]))
    assert lake.replace(DAILY, days("BAC", [])).rows == 0
    assert lake.scan(DAILY).collect().is_empty()


def test_the_order_of_rows_does_not_show(lake: Lake) -> None:
    both = pl.concat([days("IBM", [OLD, NEW]), days("BAC", [OLD, NEW])])
    first = lake.replace(DAILY, both)
    before = contents(lake.root)
    assert lake.replace(DAILY, shuffled(both, 3)).version == first.version
    assert contents(lake.root) == before


def test_other_tickers_keep_their_rows(lake: Lake) -> None:
    lake.replace(DAILY, pl.concat([days("BAC", [OLD, NEW]), days("IBM", [OLD]), days("XOM", [OLD])]))
    lake.replace(DAILY, days("IBM", [NEW], info_score=3), tickers=["IBM"])
    expected = pl.concat([days("BAC", [OLD, NEW]), days("IBM", [NEW], info_score=3), days("XOM", [OLD])])
    assert sorted_rows(lake.scan(DAILY), DAILY).equals(expected)


def test_a_partition_that_becomes_empty_has_no_file(lake: Lake) -> None:
    lake.replace(DAILY, pl.concat([days("IBM", [OLD]), days("BAC", [NEW])]))
    lake.replace(DAILY, days("IBM", []), tickers=["IBM"])
    assert lake.scan(DAILY).collect().equals(days("BAC", [NEW]))
    manifest = lake.manifest(lake.spec(DAILY), lake.snapshot().tables[DAILY])
    assert [entry.partition for entry in manifest.files] == ["year=2020"]
    lake.replace(DAILY, days("BAC", []), tickers=["BAC"])
    assert lake.scan(DAILY).collect().is_empty()
    assert list(check_lake(lake)) == []


def test_replacing_ticker_by_ticker_ends_in_the_same_version(lake: Lake) -> None:
    both = pl.concat([days("IBM", [OLD, NEW]), days("BAC", [OLD, NEW])])
    whole = lake.replace(DAILY, both)
    lake.replace(DAILY, days("XXX", [OLD]))
    for ticker in ("IBM", "BAC", "XXX"):
        last = lake.replace(DAILY, both.filter(pl.col("ticker") == ticker), tickers=[ticker])
    assert last.version == whole.version


def test_rows_of_other_tickers_are_refused(lake: Lake) -> None:
    for _ in range(2):
        with pytest.raises(ContractError, match="1 rows are of other tickers than IBM"):
            lake.replace(DAILY, pl.concat([days("IBM", [OLD]), days("BAC", [OLD])]), tickers=["IBM"])
        lake.replace(DAILY, days("IBM", [OLD]))


def setups(ticker: str, moments: list[datetime]) -> pl.DataFrame:
    """Return rows of signals.setups, whose key does not begin with the ticker."""
    names = [f"{ticker}:{moment:%Y%m%d}" for moment in moments]
    return rows("signals.setups", len(moments), ticker=ticker, ts=moments, signal_id=names)


def test_stale_rows_go_where_the_key_does_not_begin_with_the_ticker(lake: Lake) -> None:
    lake.replace("signals.setups", pl.concat([setups("IBM", [OLD, NEW]), setups("BAC", [OLD])]))
    lake.replace("signals.setups", setups("IBM", [NEW]), tickers=["IBM"])
    found = lake.scan("signals.setups").select("ticker", "ts").collect().sort("ticker")
    assert found.rows() == [("BAC", OLD), ("IBM", NEW)]


def test_a_table_without_tickers_is_replaced_whole_only(lake: Lake) -> None:
    table = "analytics.feature_importance"
    assert "ticker" not in declared()[table].polars_schema
    lake.replace(table, declared()[table].empty())
    with pytest.raises(UsageError, match="has no column ticker"):
        lake.replace(table, declared()[table].empty(), tickers=["IBM"])
