"""Reads of the lake and of the peers, and a publication, under pytest-benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import store
from benchmarks.minute_bars import minute_bars
from tsis.lake import Lake

WAYS: dict[str, Callable[[Lake], Any]] = {
    "lake": lambda lake: lake.scan(store.TABLE.name).collect(),
    "polars": lambda lake: store.read_polars(store.files(lake)),
    "duckdb": lambda lake: store.read_duckdb(store.files(lake)),
}
ONE_TICKER: dict[str, Callable[[Lake], Any]] = {
    "lake": lambda lake: lake.scan(store.TABLE.name, ["T042"], *store.YEAR).collect(),
    "polars": lambda lake: store.scan_polars(store.files(lake), *store.YEAR, "T042"),
    "duckdb": lambda lake: store.scan_duckdb(store.files(lake), *store.YEAR, "T042"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.benchmark(group="read all")
def test_read_all(benchmark: Any, lake: Lake, way: str) -> None:
    rows = benchmark(WAYS[way], lake)
    assert len(rows) == 100 * 26 * 390


@pytest.mark.parametrize("way", ONE_TICKER)
@pytest.mark.benchmark(group="one ticker")
def test_read_one_ticker(benchmark: Any, lake: Lake, way: str) -> None:
    rows = benchmark(ONE_TICKER[way], lake)
    assert len(rows) == 26 * 390


@pytest.mark.benchmark(group="publish")
def test_publish(benchmark: Any, tmp_path: Path) -> None:
    rows = minute_bars(n_days=5)

    def fresh() -> tuple[tuple[Lake], dict[str, Any]]:
        return (store.new_lake(tmp_path / "lake"),), {}

    done = benchmark.pedantic(lambda lake: lake.append(store.TABLE.name, rows), setup=fresh, rounds=5)
    assert done.rows == rows.height


def test_all_ways_read_the_same_rows(lake: Lake) -> None:
    assert store.disagreements(lake, day=store.FIRST) == []
