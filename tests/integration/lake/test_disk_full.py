"""A real full disk, and a real limit on the size of files."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from lakes import new_lake, sorted_rows, trades

from tsis.core.errors import StoreError
from tsis.lake import Lake
from tsis.lake.check import check_lake

if TYPE_CHECKING:
    from conftest import Nursery

TRADES = "raw.trades"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a memory disk of 2 MB; skipped where mounting is not permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("no mount on this machine")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tsis-test", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
    yield folder
    subprocess.run([umount, str(folder)], check=True)


def noise(n: int, ticker: str) -> pl.DataFrame:
    """Return trades that do not compress."""
    return trades(n, ticker=ticker, price=np.random.default_rng(0).uniform(1, 2, n).tolist())


@pytest.mark.parametrize("way", ["append", "stage"])
def test_a_full_disk_is_a_clear_error_and_loses_nothing(small_disk: Path, way: str) -> None:
    lake = new_lake(small_disk / "lake")
    kept = noise(20_000, "IBM")
    lake.append(TRADES, kept)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 100_000))
    before = lake.snapshot()
    with pytest.raises(StoreError, match=r"could not write under .*No space left on device; readers still see"):
        deliver(lake, noise(40_000, "XOM"), way)
    assert lake.snapshot() == before
    assert sorted_rows(lake.scan(TRADES)).equals(kept)
    assert list(check_lake(lake)) == []
    assert not list((lake.root / "raw").rglob("*.tmp"))
    filler.unlink()
    deliver(lake, noise(20_000, "XOM"), way)
    assert lake.scan(TRADES).collect().height == 40_000
    assert list(check_lake(lake)) == []


def deliver(lake: Lake, rows: pl.DataFrame, way: str) -> None:
    with lake.transaction([TRADES]) as transaction:
        if way == "append":
            transaction.append(TRADES, rows)
        else:
            transaction.stage(TRADES, rows, "file")
            transaction.append_staged(TRADES, has_vendor_seq=True)
        transaction.commit(way)


def test_a_limit_on_file_sizes_is_a_clear_error(nursery: Nursery, lake: Lake, tmp_path: Path) -> None:
    lake.append(TRADES, trades(3, ticker="XOM"))
    report = tmp_path / "report"
    assert nursery.wait(nursery.start("limited", root=lake.root, report=report, max_bytes=30_000)) == 0
    found = json.loads(report.read_text())
    assert found["error"].startswith(f"StoreError: could not write under {lake.root}: ")
    assert "File too large" in found["error"]
    assert (found["before"], found["after"]) == (3, 60_003)
    assert list(check_lake(lake)) == []
