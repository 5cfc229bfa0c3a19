"""Appending: idempotent, revised by a later known_at, deleted by a flag, never changed silently."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from lakes import LATER, T0, contents, declared, new_lake, rows, shuffled, sorted_rows, trades

from tsis.core.errors import RevisionError, StoreError
from tsis.lake import Lake
from tsis.lake.check import check_lake

TRADES = "raw.trades"


def test_rows_come_back_as_they_were_given(lake: Lake) -> None:
    given = trades(50, step_s=4_000.0)
    published = lake.append(TRADES, shuffled(given))
    assert sorted_rows(lake.scan(TRADES)).equals(given)
    assert published.rows == 50
    assert list(check_lake(lake)) == []


def test_the_same_rows_twice_change_nothing(lake: Lake) -> None:
    first = lake.append(TRADES, trades(20))
    before = contents(lake.root)
    again = lake.append(TRADES, shuffled(trades(20)))
    assert again.version == first.version
    assert contents(lake.root) == before
    assert len(lake.history()) == 1


def test_overlapping_rows_are_stored_once(lake: Lake) -> None:
    lake.append(TRADES, trades(20))
    lake.append(TRADES, trades(30))
    assert sorted_rows(lake.scan(TRADES)).equals(trades(30))


def test_a_revision_is_seen_from_its_known_at_on(lake: Lake) -> None:
    lake.append(TRADES, trades(5))
    before = lake.scan(TRADES, asof=LATER - timedelta(seconds=1)).collect()
    lake.append(TRADES, trades(2, price=7.0, known_at=LATER))
    assert lake.scan(TRADES, asof=LATER - timedelta(seconds=1)).collect().equals(before)
    for seen in (lake.scan(TRADES), lake.scan(TRADES, asof=LATER)):
        assert sorted_rows(seen)["price"].to_list() == [7.0, 7.0, 102.0, 103.0, 104.0]


def test_an_earlier_revision_that_arrives_late_does_not_win(lake: Lake) -> None:
    lake.append(TRADES, trades(1, price=3.0, known_at=LATER + timedelta(days=1)))
    lake.append(TRADES, trades(1, price=2.0, known_at=LATER))
    lake.append(TRADES, trades(1, price=1.0))
    assert lake.scan(TRADES).collect()["price"].to_list() == [3.0]
    assert lake.scan(TRADES, asof=LATER).collect()["price"].to_list() == [2.0]
    assert lake.scan(TRADES, asof=T0).collect()["price"].to_list() == [1.0]
    assert lake.scan(TRADES, asof=T0 - timedelta(microseconds=1)).collect().is_empty()


def test_a_filter_after_the_scan_does_not_bring_a_superseded_row_back(lake: Lake) -> None:
    lake.append(TRADES, trades(3, price=1.0))
    lake.append(TRADES, trades(3, price=2.0, known_at=LATER))
    old = lake.scan(TRADES).filter((pl.col("price") < 1.5) | (pl.col("known_at") < LATER))
    assert old.collect().is_empty()
    assert old.collect(engine="streaming").is_empty()
    assert lake.scan(TRADES).head(2).collect()["price"].to_list() == [2.0, 2.0]
    assert lake.scan(TRADES).select(pl.len()).collect().item() == 3


def test_a_deleted_row_is_gone_from_its_known_at_on_and_may_return(lake: Lake) -> None:
    lake.append(TRADES, trades(3))
    lake.append(TRADES, trades(1, is_deleted=True, known_at=LATER))
    assert sorted_rows(lake.scan(TRADES)).equals(trades(3)[1:])
    assert sorted_rows(lake.scan(TRADES, asof=LATER - timedelta(days=1))).equals(trades(3))
    lake.append(TRADES, trades(1, price=9.0, known_at=LATER + timedelta(days=1)))
    assert sorted_rows(lake.scan(TRADES))["price"].to_list() == [9.0, 101.0, 102.0]


def test_a_deletion_of_an_unknown_row_hides_nothing_else(lake: Lake) -> None:
    lake.append(TRADES, trades(1, is_deleted=True))
    assert lake.scan(TRADES).collect().is_empty()
    lake.append(TRADES, trades(3, seq=1))
    assert sorted_rows(lake.scan(TRADES)).equals(trades(3, seq=1))


def test_other_values_without_a_later_known_at_are_refused(lake: Lake) -> None:
    lake.append(TRADES, trades(5))
    before = contents(lake.root)
    with pytest.raises(RevisionError, match=r"raw\.trades: 2 rows .* ticker=IBM.* --known-at"):
        lake.append(TRADES, trades(2, price=7.0))
    assert contents(lake.root) == before
    lake.append(TRADES, trades(6))
    assert sorted_rows(lake.scan(TRADES)).equals(trades(6))


@pytest.mark.parametrize("table", ["governance.trials", "execution.orders_log"])
def test_a_table_without_revisions_refuses_other_values_for_good(lake: Lake, table: str) -> None:
    given = rows(table, 1)
    lake.append(table, given)
    changed = given.with_columns(status=pl.lit("result" if table.endswith("trials") else "rejected"))
    with pytest.raises(RevisionError, match="a published row can't be changed"):
        lake.append(table, changed)
    assert lake.scan(table).collect().equals(given)


def test_a_key_can_not_enter_a_second_partition(lake: Lake) -> None:
    """The time of an order decides its partition but is no part of its key."""
    lake.append("execution.orders_log", rows("execution.orders_log", 1, order_id="o1"))
    moved = rows("execution.orders_log", 1, order_id="o1", ts_signal=T0.replace(year=2021))
    with pytest.raises(RevisionError, match="order_id=o1"):
        lake.append("execution.orders_log", moved)
    lake.append("execution.orders_log", rows("execution.orders_log", 1, order_id="o2", ts_signal=T0.replace(year=2021)))
    assert lake.scan("execution.orders_log").collect().height == 2


def test_nothing_appended_to_nothing_is_an_empty_version(lake: Lake) -> None:
    empty = lake.append(TRADES, trades(0))
    assert empty.rows == 0
    assert lake.scan(TRADES).collect().equals(declared()[TRADES].empty())
    assert lake.append(TRADES, trades(0)).version == empty.version
    lake.append(TRADES, trades(2))
    assert lake.append(TRADES, trades(0)).rows == 2
    assert list(check_lake(lake)) == []


def test_times_before_1970_and_at_the_border_of_a_day(lake: Lake) -> None:
    midnight = T0.replace(year=1962, month=1, day=2, hour=0, minute=0)
    moments = [midnight + timedelta(microseconds=offset) for offset in (-1, 0, 1)]
    given = trades(3, ts=moments, known_at=midnight)
    lake.append(TRADES, given)
    assert sorted_rows(lake.scan(TRADES)).equals(given)
    assert lake.scan(TRADES, start=midnight).collect().height == 2
    assert lake.scan(TRADES, end=midnight).collect()["ts"].to_list() == [moments[0]]
    folders = sorted(path.name for path in (lake.root / "raw/trades").glob("date=*"))
    assert folders == ["date=1962-01-01", "date=1962-01-02"]


def test_a_negative_zero_is_a_zero(lake: Lake, tmp_path: Path) -> None:
    table = "raw.ohlcv_daily"
    bar = rows(table, 1, volume=0.0)
    negative = bar.with_columns(volume=pl.lit(-0.0))
    other = new_lake(tmp_path / "other")
    versions = {lake.append(table, negative).version, lake.append(table, bar).version}
    versions |= {other.append(table, bar).version, other.append(table, negative).version}
    assert len(versions) == 1


def test_a_table_of_another_layout_is_not_appended_to(lake: Lake) -> None:
    lake.append(TRADES, trades(3))
    for change in ({"partition": "month"}, {"key": ("ticker", "ts", "seq", "known_at")}):
        lake.tables[TRADES] = replace(declared()[TRADES], **change)
        with pytest.raises(StoreError, match="holds 3 rows of another layout"):
            lake.append(TRADES, trades(4))
