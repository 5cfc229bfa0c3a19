"""Law 7: a kill -9 at any moment leaves every reader a whole version and loses no published row."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from actors import DAILY, QUOTES, TRADES, batches, publish

from tsis.lake import Lake
from tsis.lake.check import check_lake
from tsis.lake.gc import collect_garbage

if TYPE_CHECKING:
    from conftest import Nursery

N_RANDOM_KILLS = 60


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
    """One writer after the other dies one writing call later than the one before, through two publications."""
    acks, n, steps, committed = tmp_path / "acks", 0, 0, 0
    while committed < 2:
        pid = nursery.start("writer", root=lake.root, acks=acks, first=n, count=2, kill_at=steps)
        ended = nursery.wait(pid)
        assert ended in (-9, 0)
        reached = assert_whole(lake, acks, n)
        committed, n, steps = reached - n, reached, steps + 1
    assert steps > 80
    assert ended == 0 or committed == 2
    publish(lake, n)
    assert batches(lake) == n + 1
    assert list(check_lake(lake)) == []


def test_at_random_moments(nursery: Nursery, lake: Lake, tmp_path: Path) -> None:
    """Writers are killed from outside, wherever they are; now and then it hits a garbage collection instead."""
    acks, delays, n, n_killed = tmp_path / "acks", random.Random(7), 0, 0
    for round_ in range(N_RANDOM_KILLS):
        if round_ % 6 == 5:
            pid = nursery.start("collector", root=lake.root, stop=tmp_path / "never")
        else:
            pid = nursery.start("writer", root=lake.root, acks=acks, first=n, count=1_000)
        time.sleep(delays.uniform(0.0, 0.35))
        n_killed += nursery.kill(pid) == -9
        n = assert_whole(lake, acks, n)
    assert n_killed == N_RANDOM_KILLS
    assert n > N_RANDOM_KILLS / 4, "the kills came before there was anything to lose"
    collect_garbage(lake, datetime.now(UTC), timedelta(0))
    publish(lake, n)
    assert batches(lake) == n + 1
    assert list(check_lake(lake)) == []
    leftovers = [path for table in (TRADES, QUOTES, DAILY) for path in lake.folder(lake.spec(table)).rglob("*.tmp")]
    assert not leftovers
