"""Law 3 for the store: equal data gives equal manifests, however it was cut, ordered, threaded and hashed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lakes import new_lake

from tsis.lake.check import check_lake

BUILD = Path(__file__).with_name("build.py")
TESTS = Path(__file__).parents[2]
WAYS = [
    {"POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
    {"POLARS_MAX_THREADS": "2", "PYTHONHASHSEED": "1", "ARROW_NUM_THREADS": "1"},
    {"POLARS_MAX_THREADS": "7", "PYTHONHASHSEED": "4242", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
    {"POLARS_MAX_THREADS": "4", "PYTHONHASHSEED": "random", "TZ": "America/New_York"},
]


def test_equal_data_gives_equal_manifests(tmp_path: Path) -> None:
    built = []
    for pair in (0, 2):
        running = [start(tmp_path / str(way), way) for way in (pair, pair + 1)]
        for process in running:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            built.append(json.loads(out))
    assert built[0]["manifests"].keys() == {
        *("processed_features.daily_cache", "raw.quotes", "raw.trades", "reference.tickers_dim")
    }
    assert all(other == built[0] for other in built[1:])
    for way in range(len(WAYS)):
        assert list(check_lake(new_lake(tmp_path / str(way)))) == []


def start(root: Path, way: int) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    return subprocess.Popen(
        [sys.executable, str(BUILD), str(root), str(way)],
        env={**os.environ, "PYTHONPATH": paths, **WAYS[way]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
