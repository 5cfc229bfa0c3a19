"""`lake check`: everything that differs is found, with the rows that it affects; what a crash leaves is not."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from lakes import flip_byte, quotes, trades

from tsis.lake import Lake
from tsis.lake.check import Finding, check_lake

TRADES = "raw.trades"


@pytest.fixture
def sound(lake: Lake) -> Lake:
    """Return a lake with two versions of trades over two days, and quotes."""
    lake.append(TRADES, trades(4, step_s=20_000.0))
    lake.append(TRADES, trades(1, ticker="XOM"))
    lake.append("raw.quotes", quotes(3))
    assert list(check_lake(lake)) == []
    return lake


def only(lake: Lake) -> Finding:
    (finding,) = check_lake(lake)
    return finding


def data_file(lake: Lake, rows: int) -> Path:
    (path,) = [path for path in (lake.root / "raw/trades").rglob("*.parquet") if pl.read_parquet(path).height == rows]
    return path


def test_any_flipped_byte_is_found(sound: Lake) -> None:
    path = data_file(sound, 3)
    intact = path.read_bytes()
    for position in random.Random(0).sample(range(len(intact)), 12):
        flip_byte(path, position)
        found = only(sound)
        assert (found.table, found.path, found.problem) == (TRADES, path, "altered file (SHA-256 differs)")
        assert found.affected.startswith("3 rows, key IBM 2020-01-02T14:30:00.000000+00:00 0 ")
        assert " to XOM 2020-01-02T14:30:00.000000+00:00 0 " in found.affected
        path.write_bytes(intact)
    assert list(check_lake(sound)) == []


def test_a_missing_and_a_truncated_file_are_found(sound: Lake) -> None:
    path = data_file(sound, 3)
    path.write_bytes(path.read_bytes()[:-1])
    assert "altered file" in only(sound).problem
    path.unlink()
    assert only(sound).problem == "missing file"
    assert only(sound).affected.startswith("3 rows, key IBM")


def test_a_file_of_an_earlier_version_counts_too(sound: Lake) -> None:
    named = {entry.path for entry in sound.manifest(sound.spec(TRADES), sound.snapshot().tables[TRADES]).files}
    folder = sound.root / "raw/trades"
    (earlier,) = [p for p in folder.rglob("*.parquet") if p.relative_to(folder).as_posix() not in named]
    flip_byte(earlier)
    assert only(sound).path == earlier


def test_foreign_files_are_found(sound: Lake) -> None:
    folder = sound.root / "raw/trades/date=2020-01-02"
    (folder / "part-0.parquet").write_bytes(data_file(sound, 3).read_bytes())
    (folder / f"{'a' * 24}.parquet").write_bytes(b"not parquet")
    stray = sound.root / "raw/elsewhere/x.parquet"
    stray.parent.mkdir()
    trades(2).write_parquet(stray)
    found = {finding.path.name: finding for finding in check_lake(sound)}
    assert set(found) == {"part-0.parquet", f"{'a' * 24}.parquet", "x.parquet"}
    assert found["part-0.parquet"].affected == "none of the table's (3 rows of its own)"
    assert found[f"{'a' * 24}.parquet"].affected == "none of the table's (not even a Parquet file)"
    assert found["x.parquet"].problem == "foreign file outside every table"


def test_what_an_interrupted_publication_leaves_is_no_finding(sound: Lake) -> None:
    with sound.transaction([TRADES]) as transaction:
        version = transaction.append(TRADES, trades(6)).version
    sound.manifest_path(sound.spec(TRADES), version).unlink()
    (sound.root / "raw/trades/date=2020-01-02/123-0.tmp").write_bytes(b"half")
    assert list(check_lake(sound)) == []


def test_an_altered_manifest_is_found(sound: Lake) -> None:
    current = sound.snapshot().tables[TRADES]
    path = sound.manifest_path(sound.spec(TRADES), current)
    intact = path.read_bytes()
    for content in (intact.replace(b'"rows": 5', b'"rows": 6'), intact + b" ", intact[:50], b""):
        path.write_bytes(content)
        found = [finding for finding in check_lake(sound) if finding.problem == "altered manifest"]
        assert [(f.table, f.path, f.affected) for f in found] == [(TRADES, path, "all rows of the current version")]
    path.unlink()
    assert ("missing file", "all rows") in [(f.problem, f.affected) for f in check_lake(sound)]


def test_a_manifest_beside_the_table_that_is_not_the_snapshots_is_found(sound: Lake) -> None:
    aligned = sound.root / "raw/trades/_manifest.json"
    versions = (sound.root / "raw/trades/_history").glob("*.json")
    (other,) = [path for path in versions if path.read_bytes() != aligned.read_bytes()]
    for content in (other.read_bytes(), b"{}"):
        aligned.write_bytes(content)
        found = only(sound)
        assert (found.path, found.problem) == (aligned, "not the manifest that the snapshot names")
    aligned.unlink()
    assert only(sound).path == aligned
    with sound.transaction([TRADES]):
        pass
    assert list(check_lake(sound)) == []


def test_a_missing_or_altered_snapshot_is_found(sound: Lake) -> None:
    current = sound.root / "_snapshot.json"
    kept = sound.root / "_snapshots" / f"{sound.snapshot().id}.json"
    intact = current.read_bytes()
    kept.unlink()
    assert only(sound).path == kept
    kept.write_bytes(intact.replace(b"raw", b"war"))
    assert (only(sound).path, only(sound).problem) == (kept, "altered snapshot")
    kept.write_bytes(intact)
    current.write_bytes(b"{}")
    found = [finding for finding in check_lake(sound) if finding.path == current]
    assert [(f.problem, f.affected) for f in found] == [("altered snapshot", "every row of every table")]
    current.unlink()
    assert [(f.path, f.problem) for f in check_lake(sound)] == [(current, "missing file")]


def test_a_lake_that_was_never_committed_to_is_clean(lake: Lake) -> None:
    assert list(check_lake(lake)) == []
    with lake.transaction([TRADES]) as transaction:
        transaction.append(TRADES, trades(3))
    assert list(check_lake(lake)) == []


def test_a_finding_is_one_line(sound: Lake) -> None:
    data_file(sound, 3).unlink()
    text = str(only(sound))
    assert text.count("\n") == 0
    assert text.startswith(f"raw.trades: {sound.root}/raw/trades/date=2020-01-02/")
    assert ": missing file; affected: 3 rows, key IBM " in text
