"""Transactions: candidates nobody sees, one step for several tables, locks with an owner."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest
from lakes import days, new_lake, quotes, sorted_rows, trades

from tsis.core.errors import ContractError, IntegrityError, LockTimeoutError
from tsis.lake import Lake
from tsis.lake import snapshot as snapshots
from tsis.lake.check import check_lake
from tsis.lake.snapshot import Snapshot

TRADES, QUOTES = "raw.trades", "raw.quotes"


def test_a_candidate_is_seen_inside_only(lake: Lake) -> None:
    lake.append(TRADES, trades(2))
    with lake.transaction([TRADES, QUOTES]) as transaction:
        transaction.append(TRADES, trades(5))
        transaction.append(QUOTES, quotes(4))
        assert transaction.scan(TRADES).collect().height == 5
        assert transaction.scan("quotes").collect().height == 4
        assert lake.scan(TRADES).collect().height == 2
        assert lake.scan(QUOTES).collect().is_empty()
        transaction.append(TRADES, trades(7))
        snapshot = transaction.commit("both")
        assert (lake.scan(TRADES).collect().height, lake.scan(QUOTES).collect().height) == (7, 4)
    assert lake.snapshot() == snapshot
    assert [entry["note"] for entry in lake.history()] == [f"append {TRADES}", "both"]


def test_what_is_not_committed_is_never_seen(lake: Lake) -> None:
    lake.append(TRADES, trades(2))
    before = lake.snapshot()
    with lake.transaction([TRADES]) as transaction:
        transaction.append(TRADES, trades(5))
    with pytest.raises(ContractError), lake.transaction([TRADES]) as transaction:  # noqa: PT012
        transaction.append(TRADES, trades(6))
        transaction.append(TRADES, trades(6).drop("price"))
    assert lake.snapshot() == before
    assert lake.scan(TRADES).collect().height == 2
    assert list(check_lake(lake)) == []


def test_an_earlier_version_can_be_adopted(lake: Lake) -> None:
    first = lake.append(TRADES, trades(2)).version
    lake.append(TRADES, trades(5))
    with lake.transaction([TRADES]) as transaction:
        assert not transaction.adopt(TRADES, "0" * 64)
        assert transaction.adopt("trades", first)
        transaction.commit("back")
    assert sorted_rows(lake.scan(TRADES)).equals(trades(2))
    (path,) = [p for p in (lake.root / "raw/trades").rglob("*.parquet") if pl.read_parquet(p).height == 5]
    path.unlink()
    with lake.transaction([TRADES]) as transaction:
        assert not transaction.adopt(TRADES, lake.history()[1]["snapshot"])


def test_a_commit_keeps_what_others_committed_meanwhile(lake: Lake) -> None:
    with lake.transaction([TRADES]) as slow:
        slow.append(TRADES, trades(3))
        lake.append(QUOTES, quotes(2))
        assert slow.scan(QUOTES).collect().is_empty()  # the snapshot at its start
        slow.commit("slow")
    assert (lake.scan(TRADES).collect().height, lake.scan(QUOTES).collect().height) == (3, 2)


def test_a_held_table_is_reported_with_the_process_that_holds_it(lake: Lake) -> None:
    impatient = new_lake(lake.root, wait_s=0.05)
    message = rf"raw\.trades is being written by process {os.getpid()}; waited 0\.05 s"
    with lake.transaction([TRADES]):
        with pytest.raises(LockTimeoutError, match=message):
            impatient.append(TRADES, trades(1))
        with pytest.raises(LockTimeoutError, match=message):
            impatient.append("trades", trades(1))
        impatient.append(QUOTES, quotes(1))
    impatient.append(TRADES, trades(1))


def test_a_refused_transaction_leaves_no_lock_behind(lake: Lake) -> None:
    impatient = new_lake(lake.root, wait_s=0.05)
    with lake.transaction([TRADES]):
        with pytest.raises(LockTimeoutError):
            impatient.transaction([QUOTES, TRADES]).__enter__()
        impatient.append(QUOTES, quotes(1))


def test_equal_lakes_have_equal_snapshots(tmp_path: Path) -> None:
    one, other = new_lake(tmp_path / "one"), new_lake(tmp_path / "other")
    one.append(TRADES, trades(3))
    one.append(QUOTES, quotes(3))
    other.append(QUOTES, quotes(1))
    other.append(TRADES, trades(3))
    other.append(QUOTES, quotes(3))
    assert one.snapshot().id == other.snapshot().id
    name = "raw/trades/_manifest.json"
    assert (one.root / name).read_bytes() == (other.root / name).read_bytes()


def test_a_manifest_holds_no_clock_and_what_pruning_needs(lake: Lake) -> None:
    lake.append(TRADES, trades(3, ticker=["IBM", "BAC", "XOM"]))
    manifest = json.loads((lake.root / "raw/trades/_manifest.json").read_bytes())
    (entry,) = manifest.pop("files")
    assert manifest.pop("table") == TRADES
    assert manifest.pop("rows") == 3
    assert set(manifest) == {"schema"}
    assert (entry["key_min"][0], entry["key_max"][0]) == ("BAC", "XOM")
    assert (entry["time_min"], entry["time_max"]) == (
        "2020-01-02T14:30:00.000000+00:00",
        "2020-01-02T14:30:02.000000+00:00",
    )
    assert Path(entry["path"]).stem == entry["sha256"][:24]


def test_an_interrupted_commit_is_completed_by_the_next_transaction(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the promotion of a snapshot and the files that follow it."""
    lake.append(TRADES, trades(2))
    with monkeypatch.context() as patch:
        patch.setattr(lake, "finish_commit", lambda _: None)
        lake.append(TRADES, trades(3))
    assert lake.scan(TRADES).collect().height == 3
    assert list(check_lake(lake)) == []
    aligned = lake.root / "raw/trades/_manifest.json"
    assert json.loads(aligned.read_bytes())["rows"] == 2
    with lake.transaction([QUOTES]):
        pass
    assert json.loads(aligned.read_bytes())["rows"] == 3
    assert [entry["snapshot"] for entry in lake.history()][-1] == lake.snapshot().id
    assert len(lake.history()) == 2


def test_a_snapshot_that_is_no_snapshot_says_where_a_good_one_lies(lake: Lake) -> None:
    lake.append(TRADES, trades(1))
    for content in (b"", b"{", b"[]", b'{"tables": []}'):
        (lake.root / "_snapshot.json").write_bytes(content)
        with pytest.raises(IntegrityError, match=r"_snapshot\.json is not a snapshot .*_snapshots"):
            lake.scan(TRADES)


def test_a_snapshot_is_named_by_its_content() -> None:
    assert Snapshot({"a": "1", "b": "2"}).id == Snapshot({"b": "2", "a": "1"}).id
    assert Snapshot({"a": "1"}).id != Snapshot({"a": "2"}).id
    assert snapshots.HISTORY.startswith("governance/")


def test_derived_and_raw_tables_share_one_snapshot(lake: Lake) -> None:
    lake.append(TRADES, trades(1))
    lake.replace("daily_cache", days("IBM", []))
    assert sorted(lake.snapshot().tables) == ["processed_features.daily_cache", TRADES]
