from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.core.errors import DataError
from tsis.sources.delimited import _numbers
from tsis.sources.files import FILES, FilesRequest
from tsis.sources.protocol import MAX_ROWS

HEADER = "ts,price,size\n"


def lines(n_rows: int, first: int = 0) -> bytes:
    return "".join(
        f"{1_378_072_800_000_000 + 1_000 * i},{1640.25 + i % 40 * 0.25},{i % 9 + 1}\n"
        for i in range(first, first + n_rows)
    ).encode()


def request(path: Path) -> FilesRequest:
    return FilesRequest(path=str(path), table="raw.trades", ticker="ES", time_format="epoch_us")


@pytest.mark.parametrize("name", ["ticks.csv", "ticks.csv.gz", "ticks.parquet"])
def test_batches_are_bounded_and_whole(tmp_path, name):
    n_rows = 700_000
    content = HEADER.encode() + lines(n_rows)
    path = tmp_path / name
    if name.endswith("parquet"):
        pl.read_csv(content).write_parquet(path, row_group_size=n_rows)
    else:
        path.write_bytes(gzip.compress(content, 1) if name.endswith("gz") else content)
    heights, next_seq = [], 1
    for batch in FILES.batches(request(path)):
        heights.append(batch.rows.height)
        assert batch.rows["seq"][0] == next_seq
        assert batch.n_out_of_order == 0
        next_seq += batch.rows.height
    assert sum(heights) == n_rows
    assert max(heights) <= MAX_ROWS
    assert len(heights) > 2


def test_rows_are_delivered_before_the_end_is_read(tmp_path):
    path = tmp_path / "ticks.csv.gz"
    content = gzip.compress(HEADER.encode() + lines(900_000), 1)
    path.write_bytes(content[:-100])
    batches = FILES.batches(request(path))
    assert next(batches).rows.height > 0
    with pytest.raises(DataError, match="truncated"):
        list(batches)


def test_order_and_row_numbers_hold_across_chunks(tmp_path):
    path = tmp_path / "ticks.csv"
    with path.open("wb") as stream:
        stream.write(HEADER.encode() + lines(400_000) + b"1\n" + lines(400_000) + b"1,2\n" + lines(10, 400_000))
    seqs, n_out_of_order, rejected = [], 0, []
    for batch in FILES.batches(request(path)):
        seqs += batch.rows["seq"].to_list()
        n_out_of_order += batch.n_out_of_order
        rejected += batch.rejected["row"].to_list()
    assert rejected == [400_001, 800_002]
    assert seqs == [n for n in range(1, 800_013) if n not in rejected]
    assert n_out_of_order == 1


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 40))
def test_row_numbers_count_skipped_rows(is_skipped, split):
    """Any split into two chunks numbers the parsed rows as the file does."""
    parsed = [row for row, skipped in enumerate(is_skipped, 1) if not skipped]
    skipped = [row for row, skipped in enumerate(is_skipped, 1) if skipped]
    split = min(split, len(parsed))
    both = [*_numbers(0, split, skipped), *_numbers(split, len(parsed) - split, skipped)]
    assert both == parsed


@pytest.mark.long
@pytest.mark.parametrize("name", ["ticks.csv", "ticks.csv.gz", "ticks.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    """Peak memory of reading 6 million rows (200 MB of CSV) stays below 500 MB, interpreter included."""
    csv_path = tmp_path / "ticks.csv"
    with csv_path.open("wb") as stream:
        stream.write(HEADER.encode())
        for first in range(0, 6_000_000, 500_000):
            stream.write(lines(500_000, first))
    path = tmp_path / name
    if name.endswith("gz"):
        with gzip.open(path, "wb", 1) as stream:
            stream.write(csv_path.read_bytes())
    elif name.endswith("parquet"):
        pl.read_csv(csv_path).write_parquet(path, row_group_size=6_000_000)
    script = (
        "import re, sys\n"
        "from tsis.sources.files import FILES, FilesRequest\n"
        "r = FilesRequest(path=sys.argv[1], table='raw.trades', ticker='ES', time_format='epoch_us')\n"
        "n = sum(batch.rows.height for batch in FILES.batches(r))\n"
        # not getrusage: its peak is inherited from the process that started this one
        "peak_kb = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "print(n, peak_kb // 1024)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    n_rows, peak_mb = map(int, run.stdout.split())
    assert n_rows == 6_000_000
    assert peak_mb < 500
