"""Several processes at once: writers of one table, readers during publication, a collector beside them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from actors import TRADES, batches
from lakes import new_lake, trades

from tsis.core.errors import LockTimeoutError
from tsis.lake import Lake
from tsis.lake.check import check_lake
from tsis.lake.gc import collect_garbage

if TYPE_CHECKING:
    from conftest import Nursery

N_VERSIONS = 110


def test_a_reader_never_sees_a_mixture_while_versions_appear(nursery: Nursery, lake: Lake, tmp_path: Path) -> None:
    report = tmp_path / "report"
    reader = nursery.start("reader", root=lake.root, report=report, until=N_VERSIONS)
    writer = nursery.start("writer", root=lake.root, acks=tmp_path / "acks", first=0, count=N_VERSIONS, is_light=True)
    assert [nursery.wait(pid) for pid in (writer, reader)] == [0, 0]
    seen = json.loads(report.read_text())
    assert seen["reads"] >= seen["states"] > 20
    assert batches(lake, is_light=True) == N_VERSIONS
    for entry in lake.history()[:: N_VERSIONS // 10]:
        batches(lake, entry["snapshot"], is_light=True)
    assert list(check_lake(lake)) == []


def test_two_writers_of_one_table_and_a_collector_lose_nothing(nursery: Nursery, lake: Lake, tmp_path: Path) -> None:
    count, stop = 20, tmp_path / "stop"
    writers = [
        nursery.start(
            "writer", root=lake.root, acks=tmp_path / ticker, first=0, count=count, ticker=ticker, is_light=True
        )
        for ticker in ("IBM", "BAC")
    ]
    collector = nursery.start("collector", root=lake.root, stop=stop)
    assert [nursery.wait(pid) for pid in writers] == [0, 0]
    stop.touch()
    assert nursery.wait(collector) == 0
    assert [batches(lake, ticker=ticker, is_light=True) for ticker in ("IBM", "BAC")] == [count, count]
    assert list(check_lake(lake)) == []
    collect_garbage(lake, datetime.now(UTC), timedelta(0))
    assert [batches(lake, ticker=ticker, is_light=True) for ticker in ("IBM", "BAC")] == [count, count]
    assert list(check_lake(lake)) == []


def test_a_table_held_by_another_process_names_it_and_a_kill_frees_it(
    nursery: Nursery, lake: Lake, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    holder = nursery.start("holder", root=lake.root, ready=ready, stop=tmp_path / "never")
    while not ready.exists():
        time.sleep(0.01)
    impatient = new_lake(lake.root, wait_s=0.1)
    with pytest.raises(LockTimeoutError, match=rf"raw\.trades is being written by process {holder}; waited 0\.1 s"):
        impatient.append(TRADES, trades(1))
    assert nursery.kill(holder) == -9
    assert impatient.append(TRADES, trades(1)).rows == 1
