"""Large deliveries: staged in parts, published in bounded memory, the same bytes as in one piece."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import LATER, T0, contents, new_lake, shuffled, sorted_rows, trades

from tsis.core.errors import RevisionError, UsageError
from tsis.lake import Lake
from tsis.lake.check import check_lake

TRADES = "raw.trades"


def deliver(lake: Lake, parts: list[pl.DataFrame], *, has_vendor_seq: bool = True, origin: str = "file") -> str:
    with lake.transaction([TRADES]) as transaction:
        for part in parts:
            transaction.stage(TRADES, part, origin)
        version = transaction.append_staged(TRADES, has_vendor_seq=has_vendor_seq).version
        transaction.commit("delivery")
    return version


def test_staged_and_in_memory_end_in_the_same_files(tmp_path: Path) -> None:
    rows = pl.concat([trades(300, step_s=500.0, ticker=ticker) for ticker in ("IBM", "BAC")])
    more = pl.concat([trades(300, step_s=500.0, ticker="XOM"), trades(5, price=1.0, known_at=LATER)])
    whole, staged = new_lake(tmp_path / "whole"), new_lake(tmp_path / "staged")
    for delivery in (rows, more):
        whole.append(TRADES, delivery)
        deliver(staged, list(shuffled(delivery).iter_slices(70)))
    assert contents(whole.root) == contents(staged.root)
    assert list(check_lake(staged)) == []


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(5, 40), min_size=1), n_known=st.integers(0, 60))
def test_whatever_the_batches_and_their_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, sizes: list[int], n_known: int
) -> None:
    root = tmp_path_factory.mktemp("staging")
    rows = trades(60, step_s=2_000.0, seq=[i % 2 for i in range(60)])
    expected = new_lake(root / "whole").append(TRADES, rows).version
    lake = new_lake(root / "parts")
    lake.append(TRADES, shuffled(rows, seed)[:n_known])
    mixed, parts = shuffled(rows, seed + 1), []
    while mixed.height:
        size = sizes[len(parts) % len(sizes)]
        parts.append(mixed[:size])
        mixed = mixed[size:]
    random.Random(seed).shuffle(parts)
    assert deliver(lake, parts) == expected


def test_without_a_vendors_numbers_rows_are_numbered_within_file_ticker_and_time(lake: Lake) -> None:
    """In the file the rows are 0, 1, 2, …; what is stored does not depend on where the file begins."""
    moments = [T0, T0, T0.replace(minute=31), T0, T0.replace(minute=31)]
    tickers = ["IBM", "IBM", "IBM", "BAC", "IBM"]
    rows = trades(5, ts=moments, ticker=tickers, seq=[0, 1, 2, 3, 4])
    deliver(lake, [rows[3:], rows[:3]], has_vendor_seq=False)
    found = sorted_rows(lake.scan(TRADES)).select("ticker", "ts", "seq", "price").rows()
    assert found == [
        ("BAC", T0, 0, 103.0),
        ("IBM", T0, 0, 100.0),
        ("IBM", T0, 1, 101.0),
        ("IBM", T0.replace(minute=31), 0, 102.0),
        ("IBM", T0.replace(minute=31), 1, 104.0),
    ]
    again = lake.snapshot()
    deliver(lake, [rows.with_columns(pl.col("seq") + 1_000)], has_vendor_seq=False, origin="the same, other header")
    assert lake.snapshot() == again


def test_two_files_that_hold_the_same_rows_add_them_once(lake: Lake) -> None:
    rows = trades(6, ts=T0, seq=list(range(6)))
    with lake.transaction([TRADES]) as transaction:
        for origin in ("a.csv", "b.csv"):
            transaction.stage(TRADES, rows, origin)
        transaction.append_staged(TRADES, has_vendor_seq=False)
        transaction.commit("both")
    assert sorted_rows(lake.scan(TRADES)).equals(rows)


def test_a_staged_correction_is_refused_without_a_later_known_at(lake: Lake) -> None:
    deliver(lake, [trades(6)])
    before = contents(lake.root)
    for parts in ([trades(6, price=1.0)], [trades(3), trades(2, price=1.0)]):
        with pytest.raises(RevisionError, match="rows have a known key but other values"):
            deliver(lake, parts)
    assert contents(lake.root) == before
    deliver(lake, [trades(6, price=1.0, known_at=LATER)])
    assert lake.scan(TRADES).collect()["price"].unique().to_list() == [1.0]
    assert sorted_rows(lake.scan(TRADES, asof=T0)).equals(trades(6))


def test_bad_rows_are_set_aside_as_they_are_staged(lake: Lake) -> None:
    with lake.transaction([TRADES]) as transaction:
        staged = transaction.stage(TRADES, trades(4, price=[1.0, 0.0, 1.0, -1.0]), "file")
        assert (staged.rows, staged.rows_quarantined) == (2, 2)
        transaction.append_staged(TRADES, has_vendor_seq=True)
        transaction.commit("x")
    assert lake.scan(TRADES).collect().height == 2


def test_what_is_staged_and_not_published_vanishes(lake: Lake) -> None:
    with lake.transaction([TRADES]) as transaction:
        transaction.stage(TRADES, trades(4), "file")
        transaction.commit("nothing")
    assert lake.scan(TRADES).collect().is_empty()
    assert not list((lake.root / "_staging").iterdir())
    with lake.transaction([TRADES]) as transaction:
        assert transaction.append_staged(TRADES, has_vendor_seq=True).rows == 0


def test_rows_staged_for_one_table_are_not_published_in_another(lake: Lake) -> None:
    with lake.transaction([TRADES, "raw.quotes"]) as transaction:
        transaction.stage(TRADES, trades(4), "file")
        assert transaction.append_staged("raw.quotes", has_vendor_seq=True).rows == 0
        assert transaction.append_staged(TRADES, has_vendor_seq=True).rows == 4
        assert transaction.append_staged(TRADES, has_vendor_seq=True).rows == 4


@pytest.mark.parametrize("name", ["lake [1]", "a*b?c", "source=other", "date=1999-01-01"])
def test_the_lakes_path_is_never_read_as_a_pattern_or_a_partition(tmp_path: Path, name: str) -> None:
    lake = new_lake(tmp_path / name / "lake")
    deliver(lake, [trades(3)])
    deliver(lake, [trades(5)])
    lake.append(TRADES, trades(6))
    assert sorted_rows(lake.scan(TRADES)).equals(trades(6))


def test_a_transaction_writes_only_what_it_announced_and_only_while_it_is_open(lake: Lake) -> None:
    with lake.transaction([TRADES]) as transaction:
        with pytest.raises(UsageError, match=r"raw\.quotes was not announced"):
            transaction.stage("raw.quotes", trades(1), "x")
        transaction.append("trades", trades(3))
        assert transaction.scan("trades").collect().height == 3
    for late in (lambda: transaction.append(TRADES, trades(4)), lambda: transaction.commit("late")):
        with pytest.raises(UsageError, match="not open"):
            late()
    assert lake.snapshot().tables == {}
