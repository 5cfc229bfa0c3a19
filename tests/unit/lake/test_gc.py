"""Garbage collection: what a version in use names stays, whoever uses it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lakes import contents, new_lake, quotes, sorted_rows, trades

from tsis.core.clock import FrozenClock
from tsis.core.errors import IntegrityError, StoreError
from tsis.lake import Lake
from tsis.lake.check import check_lake
from tsis.lake.gc import collect_garbage, pin
from tsis.lake.snapshot import FOLDER, read_snapshot

TRADES, QUOTES = "raw.trades", "raw.quotes"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FrozenClock:
    """Return a clock that the test moves."""
    return FrozenClock(NOW - 10 * DAY)


@pytest.fixture
def old(tmp_path: Path, clock: FrozenClock) -> Lake:
    """Return a lake with a version of trades on each of the last ten days, ten to one days ago."""
    lake = Lake(tmp_path / "lake", new_lake(tmp_path).tables, clock=clock, wait_s=5.0)
    for days_ago in range(10, 0, -1):
        clock.at = NOW - days_ago * DAY
        lake.append(TRADES, trades(days_ago, ticker=f"T{days_ago}"))
        age(lake, clock.at)
    return lake


def age(lake: Lake, moment: datetime) -> None:
    """Let everything that is younger than `moment` be written then."""
    for path in lake.root.rglob("*"):
        if path.stat().st_mtime > moment.timestamp():
            os.utime(path, (moment.timestamp(), moment.timestamp()))


def readable(lake: Lake) -> list[int]:
    """Return which snapshots of the history, oldest first from 0, can still be read in full."""
    found = []
    for position, entry in enumerate(lake.history()):
        try:
            lake.scan(TRADES, version=entry["snapshot"]).collect()
        except StoreError:
            continue
        found.append(position)
    return found


def test_the_current_version_stays_and_the_rest_goes(old: Lake) -> None:
    before = sorted_rows(old.scan(TRADES))
    removal = collect_garbage(old, NOW, timedelta(0))
    assert removal.files == 9 * 3  # a data file, a manifest and a snapshot each
    assert removal.bytes > 0
    assert readable(old) == [9]
    assert sorted_rows(old.scan(TRADES)).equals(before)
    assert list(check_lake(old)) == []
    assert collect_garbage(old, NOW, timedelta(0)).files == 0


def test_what_was_current_within_the_retention_stays(old: Lake) -> None:
    """The version of four days ago was current until three days ago: a reader of then may still be at it."""
    collect_garbage(old, NOW, 3.5 * DAY)
    assert readable(old) == [6, 7, 8, 9]
    collect_garbage(old, NOW, 0.5 * DAY)
    assert readable(old) == [9]


def test_young_files_stay_even_if_nothing_names_them(old: Lake) -> None:
    with old.transaction([TRADES]) as transaction:
        candidate = transaction.append(TRADES, trades(50)).version
    age(old, NOW - 2 * DAY)
    collect_garbage(old, NOW, 3 * DAY)
    assert old.has_version(old.spec(TRADES), candidate)
    collect_garbage(old, NOW, 1 * DAY)
    assert not old.has_version(old.spec(TRADES), candidate)
    assert list(check_lake(old)) == []


def test_pins_stay_for_ever(old: Lake) -> None:
    entries = old.history()
    pin(old, entries[2]["snapshot"])
    pin(old, entries[4]["snapshot"][:10])
    pin(old, entries[4]["snapshot"])
    sixth = tables_of(old, entries[5]["snapshot"])[TRADES]
    pin(old, sixth)
    collect_garbage(old, NOW, timedelta(0))
    assert readable(old) == [2, 4, 9]
    assert old.scan(TRADES, version=sixth).collect().height
    assert list(check_lake(old)) == []


def tables_of(lake: Lake, snapshot: str) -> dict[str, str]:
    return read_snapshot(lake.root / FOLDER / f"{snapshot}.json").tables


@pytest.mark.parametrize("version", ["", "0" * 64, "*", "../_pins"])
def test_a_pin_must_name_a_version(old: Lake, version: str) -> None:
    with pytest.raises(StoreError, match="names 0 versions; give one of 'tsis lake history' to pin"):
        pin(old, version)


def test_what_a_running_transaction_reads_stays(old: Lake) -> None:
    """It read a table that it does not write; meanwhile that table has moved on twice, and the retention is over."""
    with old.transaction([QUOTES]) as slow:
        before = sorted_rows(slow.scan(TRADES))
        for n in (30, 31):
            old.append(TRADES, trades(n, ticker="NEW"))
        age(old, NOW - DAY)
        assert collect_garbage(old, NOW, timedelta(0)).busy == (QUOTES,)
        assert sorted_rows(slow.scan(TRADES)).equals(before)
        assert readable(old) == [9, 11]
    assert list(check_lake(old)) == []
    collect_garbage(old, NOW, timedelta(0))
    assert readable(old) == [11]


def test_a_table_that_is_being_written_is_left_alone(old: Lake) -> None:
    with old.transaction([TRADES]) as transaction:
        transaction.stage(TRADES, trades(100, ticker="NEW"), "file")
        transaction.append(TRADES, trades(5, ticker="NEWER"))
        age(old, NOW - 9 * DAY)
        removal = collect_garbage(old, NOW, timedelta(0))
        assert removal.busy == (TRADES,)
        transaction.append_staged(TRADES, has_vendor_seq=True)
        transaction.commit("survived")
    assert old.scan(TRADES, tickers=["NEW"]).collect().height == 100
    assert old.scan(TRADES, tickers=["NEWER"]).collect().height == 5
    assert list(check_lake(old)) == []


def test_a_first_delivery_is_left_alone(lake: Lake) -> None:
    """Its table has no folder yet: only the lock tells."""
    with lake.transaction([TRADES]) as transaction:
        transaction.stage(TRADES, trades(10), "file")
        age(lake, NOW - 9 * DAY)
        assert collect_garbage(lake, NOW, timedelta(0)).busy == (TRADES,)
        assert transaction.append_staged(TRADES, has_vendor_seq=True).rows == 10
        transaction.commit("first")
    assert lake.scan(TRADES).collect().height == 10


def test_what_crashes_left_goes(old: Lake) -> None:
    for leftover in ("raw/trades/date=2020-01-02/9-0.tmp", "_snapshots/x.json.9.tmp", "_snapshot.json.9.tmp"):
        (old.root / leftover).write_bytes(b"half")
    (old.root / "_staging/dead/raw.trades").mkdir(parents=True)
    age(old, NOW - DAY)
    collect_garbage(old, NOW, timedelta(hours=1))
    assert not list(old.root.rglob("*.tmp"))
    assert not list((old.root / "_staging").iterdir())


def test_a_damaged_manifest_stops_it_before_anything_is_removed(old: Lake) -> None:
    path = old.manifest_path(old.spec(TRADES), old.snapshot().tables[TRADES])
    path.write_bytes(path.read_bytes() + b" ")
    before = contents(old.root)
    with pytest.raises(IntegrityError, match="was altered"):
        collect_garbage(old, NOW, timedelta(0))
    assert contents(old.root) == before


def test_it_may_stop_at_any_point(old: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was removed by then, nothing that is left names what is gone."""
    unlink = Path.unlink
    left = 0

    def interrupted(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        unlink(path, missing_ok)

    for n_removed in (1, 2, 5, 7, 9):
        left = n_removed
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", interrupted)
            with pytest.raises(KeyboardInterrupt):
                collect_garbage(old, NOW, timedelta(0))
        assert list(check_lake(old)) == []
        assert 9 in readable(old)
    collect_garbage(old, NOW, timedelta(0))
    assert readable(old) == [9]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return an empty git repository."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    return root


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def lock_entry(lake: Lake, position: int) -> str:
    version = tables_of(lake, lake.history()[position]["snapshot"])[TRADES]
    content = lake.manifest_path(lake.spec(TRADES), version).read_bytes()
    return f"stages:\n  x:\n    deps:\n    - path: m\n      hash: md5\n      md5: {hashlib.md5(content).hexdigest()}\n"


def test_what_dvc_lock_of_any_reference_names_stays(old: Lake, repository: Path) -> None:
    manifests = [tables_of(old, entry["snapshot"])[TRADES] for entry in old.history()]
    for position in (1, 3, 5):
        (repository / "dvc.lock").write_text(lock_entry(old, position))
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", f"{position}")
        if position == 1:
            git(repository, "tag", "-a", "published", "-m", "a paper")
        if position == 3:
            git(repository, "branch", "experiment")
    git(repository, "commit", "-q", "--allow-empty", "-m", "detached")
    git(repository, "checkout", "-q", "--detach", "main~1")
    (repository / "dvc.lock").write_text(lock_entry(old, 7))
    git(repository, "commit", "-q", "-am", "on no branch")
    (repository / "dvc.lock").write_text(lock_entry(old, 8))
    collect_garbage(old, NOW, timedelta(0), repository)
    kept = [old.has_version(old.spec(TRADES), version) for version in manifests]
    assert [position for position, is_kept in enumerate(kept) if is_kept] == [1, 3, 5, 7, 8, 9]
    assert list(check_lake(old)) == []


def test_a_folder_that_is_no_repository_has_its_working_dvc_lock(old: Lake, tmp_path: Path) -> None:
    version = tables_of(old, old.history()[4]["snapshot"])[TRADES]
    (tmp_path / "dvc.lock").write_text(lock_entry(old, 4))
    collect_garbage(old, NOW, timedelta(0), tmp_path)
    assert old.has_version(old.spec(TRADES), version)


def test_a_repository_without_commits_names_nothing(old: Lake, repository: Path) -> None:
    collect_garbage(old, NOW, timedelta(0), repository)
    assert readable(old) == [9]


def test_if_git_can_not_tell_nothing_is_removed(old: Lake, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "dvc.lock").write_text(lock_entry(old, 1))
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "x")
    before = contents(old.root)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "")
        with pytest.raises(StoreError, match="git is not installed"):
            collect_garbage(old, NOW, timedelta(0), repository)
    (repository / ".git/HEAD").write_text("broken")
    with pytest.raises(StoreError, match=r"git .* failed in .*what dvc\.lock names is unknown"):
        collect_garbage(old, NOW, timedelta(0), repository)
    assert contents(old.root) == before


def test_quotes_and_trades_are_collected_alike(old: Lake) -> None:
    for n in (1, 2, 3):
        old.append(QUOTES, quotes(n))
    age(old, NOW - DAY)
    collect_garbage(old, NOW, timedelta(0))
    assert len(list((old.root / "raw/quotes").rglob("*.parquet"))) == 1
    assert old.scan(QUOTES).collect().height == 3


def test_states_that_nobody_has_written_for_long_go(old: Lake) -> None:
    """They are a cache: what goes is computed again."""
    kept, gone = (old.root / "_states" / "information_bars" / ticker for ticker in ("NEW", "OLD"))
    for folder, days_ago in ((kept, 1), (gone, 9)):
        folder.mkdir(parents=True)
        for name in ("segments.json", "a.npz", "segments.json.7.tmp"):
            (folder / name).write_text("{}")
            written = (NOW - days_ago * DAY).timestamp()
            os.utime(folder / name, (written, written))
    collect_garbage(old, NOW, 3 * DAY)
    assert sorted(path.name for path in kept.iterdir()) == ["a.npz", "segments.json", "segments.json.7.tmp"]
    assert not gone.exists()
