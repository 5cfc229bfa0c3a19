"""A write that fails at any step: a clear error, the old version whole, and the next publication works."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from lakes import new_lake, quotes, sorted_rows, trades

from tsis.core.errors import StoreError
from tsis.lake import Lake
from tsis.lake.check import check_lake

TRADES, QUOTES = "raw.trades", "raw.quotes"


class FullDisk:
    """Lets `steps` writing calls pass and fails every later one; a file is half written by then."""

    def __init__(self, patch: pytest.MonkeyPatch, steps: int, error: int = errno.ENOSPC) -> None:
        self.left, self._error, self._write_bytes = steps, error, Path.write_bytes
        for owner, name in ((os, "write"), (os, "fsync"), (Path, "write_bytes"), (Path, "replace"), (Path, "mkdir")):
            patch.setattr(owner, name, self._limited(getattr(owner, name)))
        patch.setattr(pq.ParquetWriter, "write_table", self._limited(pq.ParquetWriter.write_table))

    def _limited(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def limited(*arguments: Any, **options: Any) -> Any:
            if self.left == 0:
                if call is self._write_bytes:
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise OSError(self._error, os.strerror(self._error))
            self.left -= 1
            return call(*arguments, **options)

        return limited


@contextmanager
def full_disk(steps: int, error: int = errno.ENOSPC) -> Iterator[FullDisk]:
    with pytest.MonkeyPatch.context() as patch:
        yield FullDisk(patch, steps, error)


def publish(lake: Lake, n: int) -> None:
    with lake.transaction([TRADES, QUOTES]) as transaction:
        transaction.append(TRADES, trades(n))
        transaction.stage(QUOTES, quotes(n), "file")
        transaction.append_staged(QUOTES, has_vendor_seq=True)
        transaction.commit(f"{n}")


def state(lake: Lake) -> tuple[int, int]:
    return lake.scan(TRADES).collect().height, lake.scan(QUOTES).collect().height


def test_every_step_of_a_publication_may_fail(lake: Lake) -> None:
    publish(lake, 1)
    seen, steps = 1, 0
    messages = []
    while True:
        n = steps + 2  # other rows each time: nothing of the attempt before can be taken over
        with full_disk(steps) as disk:
            try:
                publish(lake, n)
            except StoreError as error:
                messages.append(str(error))
            else:
                break
        assert disk.left == 0
        seen = n if "what was published is in effect" in messages[-1] else seen
        assert state(lake) == (seen, seen), f"after {steps} steps: {messages[-1]}"
        assert list(check_lake(lake)) == []
        assert not list((lake.root / "raw").rglob("*.tmp"))
        steps += 1
    assert state(lake) == (n, n)
    assert list(check_lake(lake)) == []
    assert lake.history()[-1]["snapshot"] == lake.snapshot().id
    assert steps > 25
    assert sum("readers still see what was there before" in message for message in messages) > 15
    assert sum("what was published is in effect" in message for message in messages) > 3
    assert all(message.startswith(f"could not write under {lake.root}: No space left") for message in messages)


def test_every_step_of_the_first_publication_may_fail(tmp_path: Path) -> None:
    for steps in range(1, 300, 4):
        lake = new_lake(tmp_path / f"lake{steps}")
        with full_disk(steps):
            try:
                publish(lake, 3)
            except StoreError:
                is_done = False
            else:
                is_done = True
        assert state(lake) in [(0, 0), (3, 3)]
        assert list(check_lake(lake)) == []
        publish(lake, 4)
        assert state(lake) == (4, 4)
        if is_done:
            break
    assert steps > 40


@pytest.mark.parametrize("error", [errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG])
def test_quotas_rights_and_limits_are_named(lake: Lake, error: int) -> None:
    publish(lake, 1)
    with full_disk(3, error), pytest.raises(StoreError, match=os.strerror(error)):
        publish(lake, 2)
    assert state(lake) == (1, 1)


def test_another_error_stays_what_it_is(lake: Lake) -> None:
    publish(lake, 1)
    with full_disk(3, errno.EIO), pytest.raises(OSError, match=os.strerror(errno.EIO)):
        publish(lake, 2)
    with pytest.raises(FileNotFoundError), lake.transaction([TRADES]):
        Path("/nowhere/at/all").read_bytes()
    with pytest.raises(PermissionError, match="elsewhere"), lake.transaction([TRADES]):
        raise PermissionError(errno.EACCES, "elsewhere", "/elsewhere/delivery.csv")
    assert state(lake) == (1, 1)


def test_a_lake_that_can_not_be_there_is_refused(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    for root in (occupied, occupied / "lake"):
        with pytest.raises(StoreError, match="could not write under"):
            new_lake(root).append(TRADES, trades(1))


def test_a_log_never_holds_half_a_line(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append(TRADES, trades(1))
    path = lake.root / "governance/snapshots.jsonl"
    whole = path.read_bytes()
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:20]))
        with pytest.raises(StoreError, match="No space left"):
            lake.append(TRADES, trades(2))
    assert path.read_bytes() == whole
    path.write_bytes(whole + b'{"at": "2020')  # as a power failure leaves it
    assert len(lake.history()) == 1
    lake.append(TRADES, trades(3))
    entries = lake.history()
    assert [entry["note"] for entry in entries] == [
        f"append {TRADES}", "completed after an interruption", f"append {TRADES}"
    ]  # fmt: skip
    assert entries[-1]["snapshot"] == lake.snapshot().id


def test_a_stray_temporary_file_is_in_nobodys_way(lake: Lake) -> None:
    publish(lake, 1)
    for path in (f"raw/trades/date=2020-01-02/{os.getpid()}-0.tmp", f"_snapshot.json.{os.getpid()}.tmp"):
        (lake.root / path).write_bytes(b"left by a process of the same number")
    publish(lake, 2)
    assert state(lake) == (2, 2)
    assert list(check_lake(lake)) == []


def test_the_rows_survive_as_they_were(lake: Lake) -> None:
    publish(lake, 3)
    with full_disk(10), pytest.raises(StoreError):
        publish(lake, 9)
    assert sorted_rows(lake.scan(TRADES)).equals(trades(3))
    assert sorted_rows(lake.scan(QUOTES), QUOTES).equals(quotes(3))
    assert lake.scan(TRADES).select(pl.len()).collect().item() == 3
