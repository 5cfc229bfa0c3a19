"""Law 7: a kill -9 at any moment leaves every reader a whole version and loses no published row."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from actors import DAILY, QUOTES, TRADES, batches, publish

from tsis.lake import Lake
from tsis.lake.check import check_lake
from tsis.lake.gc import collect_garbage

if TYPE_CHECKING:
    from conftest import Nursery

N_RANDOM_KILLS = 54


def acknowledged(acks: Path) -> int:
    """Return how many batches the writers called published."""
    lines = acks.read_text().split() if acks.exists() else []
    assert [int(line) for line in lines] == sorted({int(line) for line in lines})
    return int(lines[-1]) + 1 if lines else 0


def assert_whole(lake: Lake, acks: Path, before: int) -> int:
    """Check what a reader sees after a kill and return how many batches there are."""
    n = batches(lake)
    assert max(acknowledged(acks), before) <= n <= max(acknowledged(acks), before) + 1
    assert list(check_lake(lake)) == []
    return n


def test_at_every_step(nursery: Nursery, lake: Lake, tmp_path: Path) -> None:
    """One writer after the other dies one writing call later than the one before, through a whole publication."""
    acks, n, steps, ended = tmp_path / "acks", 1, 0, -9
    publish(lake, 0)
    while ended == -9:
        pid = nursery.start("writer", root=lake.root, acks=acks, first=n, count=1, kill_at=steps)
        ended, steps = nursery.wait(pid), steps + 1
        n = assert_whole(lake, acks, n)
        collect_garbage(lake, datetime.now(UTC), timedelta(0))  # else the next one finds half of its work done
    assert ended == 0
    assert steps > 60
    assert n > 3, "no writer died between its commit and its word"
    publish(lake, n)
    assert batches(lake) == n + 1
    assert list(check_lake(lake)) == []


def test_at_random_moments(nursery: Nursery, lake: Lake, tmp_path: Path) -> None:
    """Writers are killed from outside, wherever they are: from their first moment on, or after they have published.

    Now and then it hits a garbage collection instead.
    """
    acks, delays, n = tmp_path / "acks", random.Random(7), 0
    for round_ in range(N_RANDOM_KILLS):
        if round_ % 9 == 8:
            pid = nursery.start("collector", root=lake.root, stop=tmp_path / "never")
        else:
            pid = nursery.start("writer", root=lake.root, acks=acks, first=n, count=1_000)
        if round_ % 2 == 0 and round_ % 9 != 8:
            wait_for(lambda n=n: acknowledged(acks) > n)
        time.sleep(delays.uniform(0.0, 0.3))
        assert nursery.kill(pid) == -9
        n = assert_whole(lake, acks, n)
    assert n > N_RANDOM_KILLS / 3
    collect_garbage(lake, datetime.now(UTC), timedelta(0))
    publish(lake, n)
    assert batches(lake) == n + 1
    assert list(check_lake(lake)) == []
    leftovers = [path for table in (TRADES, QUOTES, DAILY) for path in lake.folder(lake.spec(table)).rglob("*.tmp")]
    assert not leftovers


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Poll until `condition` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the writer does not get on"
        time.sleep(0.005)
