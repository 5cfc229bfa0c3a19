"""Ingestion through the runtime: idempotent, corrected, quarantined, refused."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tsis.core.errors import RevisionError, UnknownNameError, UsageError
from tsis.lake.check import check_lake
from tsis.runtime.ingest import ingest
from tsis.runtime.sources import request_for, source_named
from tsis.runtime.workspace import open_lake

FILES = source_named("files")


@pytest.fixture
def lake(tmp_path):
    return open_lake(tmp_path / "lake")


def take(lake, path, **options):
    given = {"path": str(path), "table": "raw.trades", "ticker": "ES", "columns": {"Time": "ts", "Price": "price"}}
    return ingest(lake, FILES, request_for(FILES, given | options))


def write(path, rows):
    path.write_text("Time,Price,size\n" + "".join(f"{time},{price},{size}\n" for time, price, size in rows))
    return path


def test_the_same_file_twice_changes_nothing(lake, tmp_path):
    path = write(tmp_path / "a.csv", [("2020-01-02T10:00:00", 10, 1), ("2020-01-02T10:00:00", 10, 1)])
    assert take(lake, path).added == {"raw.trades": 2}
    before = lake.snapshot().tables["raw.trades"]
    assert not take(lake, path).added
    copy = tmp_path / "b.csv"
    copy.write_text(path.read_text())
    assert take(lake, copy).added == {"raw.trades": 0}
    assert lake.snapshot().tables["raw.trades"] == before


def test_a_changed_row_needs_known_at_and_leaves_the_asof_read_alone(lake, tmp_path):
    path = write(tmp_path / "a.csv", [("2020-01-02T10:00:00", 10, 1), ("2020-01-02T10:00:01", 11, 1)])
    take(lake, path)
    write(path, [("2020-01-02T10:00:00", 10, 1), ("2020-01-02T10:00:01", 12, 1)])
    with pytest.raises(RevisionError, match="--known-at"):
        take(lake, path)
    assert lake.scan("raw.trades").collect()["price"].to_list() == [10.0, 11.0]
    take(lake, path, known_at="2020-02-01T00:00:00Z")
    assert lake.scan("raw.trades").collect()["price"].to_list() == [10.0, 12.0]
    then = lake.scan("raw.trades", asof=datetime(2020, 1, 3, tzinfo=UTC)).collect()
    assert then["price"].to_list() == [10.0, 11.0]


def test_bad_rows_are_quarantined_with_their_reason_and_counted(lake, tmp_path):
    rows = [
        ("2020-01-02T10:00:00", 10, 1),
        ("2020-01-02T10:00:01", 0, 1),
        ("2020-01-02T10:00:02", -3, 1),
        ("2020-01-02T10:00:03", "nan", 1),
        ("2020-01-02T10:00:04", "inf", 1),
        ("2020-01-02T10:00:05", "ten", 1),
        ("not a time", 10, 1),
    ]
    done = take(lake, write(tmp_path / "a.csv", rows))
    assert done.delivered == {"raw.trades": 7}
    assert done.added == {"raw.trades": 1}
    assert done.quarantined == {"raw.trades": 6}
    reasons = [reason for file in done.quarantine_files for reason in pl.read_parquet(file)["reason"]]
    assert len(reasons) == 6
    assert all(reasons)
    runs = lake.scan("governance.runs").collect()
    assert runs["rows_quarantined"].to_list() == [6]
    assert list(check_lake(lake)) == []


def test_out_of_order_rows_are_sorted_and_counted(lake, tmp_path):
    rows = [("2020-01-02T10:00:02", 12, 1), ("2020-01-02T10:00:00", 10, 1), ("2020-01-02T10:00:01", 11, 1)]
    done = take(lake, write(tmp_path / "a.csv", rows))
    assert done.out_of_order["raw.trades"] == 1
    assert lake.scan("raw.trades").collect()["price"].to_list() == [10.0, 11.0, 12.0]


def test_a_failing_delivery_publishes_nothing(lake, tmp_path):
    good = write(tmp_path / "a.csv", [("2020-01-02T10:00:00", 10, 1)])
    (tmp_path / "b.csv").write_text("Time;Price;size\n2020-01-02T10:00:00;1;1\n")
    with pytest.raises(Exception, match="delimiter"):
        take(lake, tmp_path)
    assert "raw.trades" not in lake.snapshot().tables
    assert take(lake, good).added == {"raw.trades": 1}


def test_options_are_checked():
    with pytest.raises(UnknownNameError, match="did you mean 'delimiter'"):
        request_for(FILES, {"path": "x", "table": "raw.trades", "delimeter": ";"})
    with pytest.raises(UsageError, match="path"):
        request_for(FILES, {"table": "raw.trades"})
