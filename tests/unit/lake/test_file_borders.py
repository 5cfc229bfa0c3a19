"""Partitions of several files: what a row supersedes is known across their borders."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import LATER, T0, declared, new_lake, shuffled, sorted_rows, trades

from tsis.lake import Lake, parquet
from tsis.lake.check import check_lake

TRADES = "raw.trades"


@pytest.fixture(params=[(4, 4), (4, 8), (3, 7)], ids=lambda rows: f"groups-of-{rows[0]}-files-of-{rows[1]}")
def tiny_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Make files of a few rows, so that a test crosses many borders."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", request.param[0])
    monkeypatch.setattr(parquet, "FILE_ROWS", request.param[1])
    return request.param


def history(n: int = 13) -> list[pl.DataFrame]:
    """Return trades of one day, then a revision of all, a deletion of some, and a late revision of others."""
    first = trades(n)
    revised = first.with_columns(price=pl.col("price") + 1_000.0, known_at=LATER)
    deleted = first.gather_every(3).with_columns(is_deleted=True, known_at=LATER + timedelta(days=1))
    late = first.gather_every(2).with_columns(price=pl.col("price") + 2_000.0, known_at=LATER + timedelta(days=2))
    return [first, revised, deleted, late]


def expected(states: list[pl.DataFrame], asof_days: int) -> pl.DataFrame:
    """Return the newest state of each row by a plain dictionary."""
    newest: dict[object, dict[str, object]] = {}
    for row in pl.concat(states).sort("known_at").iter_rows(named=True):
        if row["known_at"] <= LATER + timedelta(days=asof_days):
            newest[row["ticker"], row["ts"], row["seq"], row["source"]] = row
    alive = [row for row in newest.values() if not row["is_deleted"]]
    return pl.DataFrame(alive, schema=declared()[TRADES].polars_schema).sort(declared()[TRADES].key)


def test_the_newest_state_across_files(lake: Lake, tiny_files: tuple[int, int]) -> None:
    states = history()
    for count, state in enumerate(states, start=1):
        lake.append(TRADES, shuffled(state))
        assert sorted_rows(lake.scan(TRADES)).equals(expected(states[:count], 99))
    manifest = lake.manifest(lake.spec(TRADES), lake.snapshot().tables[TRADES])
    assert len(manifest.files) > 3
    assert max(entry.rows for entry in manifest.files) == -(-tiny_files[1] // tiny_files[0]) * tiny_files[0]
    assert sum(entry.n_superseded for entry in manifest.files) == sum(state.height for state in states[1:]) + 5
    for days in (-1, 0, 1, 2):
        found = lake.scan(TRADES, asof=LATER + timedelta(days=days))
        assert sorted_rows(found).equals(expected(states, days))
        assert found.collect(engine="streaming").sort(declared()[TRADES].key).equals(expected(states, days))
    assert list(check_lake(lake)) == []


@pytest.mark.parametrize("n_rows", [3, 4, 7, 8, 9])
def test_a_pair_that_a_border_divides(lake: Lake, monkeypatch: pytest.MonkeyPatch, n_rows: int) -> None:
    """The last row of a file, superseded by the first of the next, was once seen beside it."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", n_rows)
    monkeypatch.setattr(parquet, "FILE_ROWS", n_rows)
    rows = trades(n_rows)
    last = rows[-1:].with_columns(price=1.0, known_at=LATER)
    lake.append(TRADES, pl.concat([rows, last]))
    files = lake.manifest(lake.spec(TRADES), lake.snapshot().tables[TRADES]).files
    assert [entry.rows for entry in files] == [n_rows, 1]
    assert lake.scan(TRADES).collect()["price"].to_list() == [*rows["price"][:-1], 1.0]
    assert sorted_rows(lake.scan(TRADES, asof=T0)).equals(rows)


def test_staged_files_are_the_same(tmp_path: Path, tiny_files: tuple[int, int]) -> None:
    memory, staged = new_lake(tmp_path / "memory"), new_lake(tmp_path / "staged")
    for state in history():
        version = memory.append(TRADES, state).version
        with staged.transaction([TRADES]) as transaction:
            for part in shuffled(state).iter_slices(3):
                transaction.stage(TRADES, part, "file")
            assert transaction.append_staged(TRADES, has_vendor_seq=True).version == version
            transaction.commit("x")


def test_tickers_are_pruned_file_by_file(lake: Lake, tiny_files: tuple[int, int]) -> None:
    names = ["A", "A.B", "AB", "B", "a", "b"]  # upper case first: the order of the files is that of the bytes
    rows = pl.concat([trades(5, ticker=name) for name in names])
    lake.append(TRADES, shuffled(rows))
    files = lake.manifest(lake.spec(TRADES), lake.snapshot().tables[TRADES]).files
    assert [entry.key_min[0] for entry in files] == sorted(entry.key_min[0] for entry in files)
    for name in names:
        assert sorted_rows(lake.scan(TRADES, tickers=[name])).equals(trades(5, ticker=name))


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(4)), st.integers(1, 6), st.integers(1, 3))
def test_order_of_publication_does_not_show(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], group_rows: int, groups: int
) -> None:
    states = history(6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP_ROWS", group_rows)
        patch.setattr(parquet, "FILE_ROWS", group_rows * groups)
        lake = new_lake(tmp_path_factory.mktemp("order"))
        whole = new_lake(tmp_path_factory.mktemp("whole")).append(TRADES, pl.concat(states)).version
        for position in order:
            last = lake.append(TRADES, states[position])
    assert last.version == whole
    assert sorted_rows(lake.scan(TRADES)).equals(expected(states, 99))
