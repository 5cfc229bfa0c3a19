"""Processes that publish, read, collect and hold locks, for the tests of this folder.

``python actors.py`` imports everything once and then forks an actor for each line of JSON on its standard input; it
answers with the actor's process id. So a test can kill a hundred writers without importing a hundred times.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from lakes import T0, days, declared, new_lake, quotes, trades

from tsis.core.errors import TsisError
from tsis.lake import Lake
from tsis.lake.gc import collect_garbage
from tsis.lake.snapshot import Snapshot

TRADES, QUOTES, DAILY = "raw.trades", "raw.quotes", "processed_features.daily_cache"
N_TRADES, N_QUOTES = 20, 5
LATE = [
    "hypothesis.strategies",
    "pandera.backends.polars.builtin_checks",
    "pandera.backends.polars.container",
    "pandera.strategies.base_strategies",
    "pyarrow.pandas_compat",
]
"""What pandera and pyarrow import at their first use: once for all actors rather than in each."""


def publish(lake: Lake, n: int, ticker: str = "IBM", *, is_light: bool = False) -> None:
    """Publish batch `n` in one transaction: trades, quotes, and a derived table that shows the newest batch.

    A light batch has no derived table, and its quotes are not staged.
    """
    moment = T0 + timedelta(seconds=n)
    bought = trades(N_TRADES, ticker=ticker, ts=moment, seq=list(range(N_TRADES)), size=float(n + 1))
    quoted = quotes(N_QUOTES, ticker=ticker, ts=moment, seq=list(range(N_QUOTES)), bid_size=float(n + 1))
    with lake.transaction([TRADES, QUOTES] if is_light else [TRADES, QUOTES, DAILY]) as transaction:
        transaction.append(TRADES, bought)
        if is_light:
            transaction.append(QUOTES, quoted)
        else:
            transaction.stage(QUOTES, quoted, f"{n}")
            transaction.append_staged(QUOTES, has_vendor_seq=True)
            closes = [T0.replace(year=year) for year in (2018, 2019, 2020)]
            transaction.replace(DAILY, days(ticker, closes, vol_d=float(n + 1)), tickers=[ticker])
        transaction.commit(f"batch {n}")


def batches(lake: Lake, version: str | None = None, ticker: str = "IBM", *, is_light: bool = False) -> int:
    """Return how many batches a reader sees; fail if one is half there, twice there or missing."""
    seen = version or lake.snapshot().id
    if seen == Snapshot().id:
        return 0
    n = 0
    for table, column, n_rows in ((TRADES, "size", N_TRADES), (QUOTES, "bid_size", N_QUOTES)):
        found = lake.scan(table, [ticker], version=seen).select(column).collect()[column].sort().to_list()
        n = len(found) // n_rows if table == TRADES else n
        assert found == [float(batch + 1) for batch in range(n) for _ in range(n_rows)], (table, found)
    if not is_light:
        derived = lake.scan(DAILY, [ticker], version=seen).collect()
        assert derived["vol_d"].to_list() == [float(n)] * (3 if n else 0), derived
    return n


def writer(
    root: str,
    acks: str,
    first: int,
    count: int,
    ticker: str = "IBM",
    kill_at: int | None = None,
    is_light: bool = False,
) -> None:
    """Publish batches and write down each when it is committed; die at a step if told so."""
    lake = new_lake(Path(root))
    log = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    write = os.write
    if kill_at is not None:
        die_at(kill_at)
    for n in range(first, first + count):
        publish(lake, n, ticker, is_light=is_light)
        write(log, f"{n}\n".encode())


def die_at(step: int) -> None:
    """Kill this process at the writing call number `step`: before it, or with a file half written."""
    left, write_bytes = step, Path.write_bytes

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def step_forward(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                if call is write_bytes:
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return call(*arguments, **options)

        return step_forward

    calls = [(os, "write"), (os, "fsync"), (Path, "write_bytes"), (Path, "replace"), (Path, "mkdir"), (Path, "unlink")]
    for owner, name in [*calls, (pq.ParquetWriter, "write_table"), (pq.ParquetWriter, "close")]:
        setattr(owner, name, counted(getattr(owner, name)))


def reader(root: str, report: str, until: int) -> None:
    """Read until `until` batches are there; write down how often, and how many different states were seen."""
    lake = new_lake(Path(root))
    reads, states, seen = 0, set(), 0
    while seen < until:
        n = batches(lake, is_light=True)
        assert n >= seen, f"{n} batches after {seen}"
        seen, reads = n, reads + 1
        states.add(n)
    Path(report).write_text(json.dumps({"reads": reads, "states": len(states)}))


def collector(root: str, stop: str) -> None:
    """Collect garbage without retention until the file `stop` appears."""
    lake = new_lake(Path(root))
    while not Path(stop).exists():
        collect_garbage(lake, datetime.now(UTC), timedelta(0))
        time.sleep(0.05)


def holder(root: str, ready: str, stop: str) -> None:
    """Hold the lock of raw.trades until the file `stop` appears."""
    with new_lake(Path(root)).transaction([TRADES]):
        Path(ready).touch()
        while not Path(stop).exists():
            time.sleep(0.01)


def limited(root: str, report: str, max_bytes: int) -> None:
    """Publish noise under a limit of the file size and write down the error, then publish without the limit."""
    lake = new_lake(Path(root))
    noise = trades(60_000, price=np.random.default_rng(0).uniform(1, 2, 60_000).tolist())
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, resource.RLIM_INFINITY))
    message = "no error"
    try:
        lake.append(TRADES, noise)
    except TsisError as error:
        message = f"{type(error).__name__}: {error}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    rows_before = lake.scan(TRADES).collect().height
    rows_after = lake.append(TRADES, noise).rows
    Path(report).write_text(json.dumps({"error": message, "before": rows_before, "after": rows_after}))


ACTORS: dict[str, Callable[..., None]] = {
    actor.__name__: actor for actor in (writer, reader, collector, holder, limited)
}


def main() -> None:
    """Obey one line after the other: start an actor and say its process id, or wait for one and say how it ended."""
    declared()
    for module in LATE:
        importlib.import_module(module)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
            continue
        actor = ACTORS[order.pop("actor")]
        pid = os.fork()
        if pid == 0:
            act(actor, order)
        print(pid, flush=True)  # noqa: T201


def act(actor: Callable[..., None], order: dict[str, Any]) -> None:
    """Run an actor and leave without the parent's clean-up."""
    try:
        actor(**order)
    except BaseException:  # noqa: BLE001  a forked actor must end here, whatever happened
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
