"""`python -m benchmarks`: everything, in ratios; `--check` fails where a target is missed, `--write` keeps them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import (
    backtest,
    bars,
    features,
    features_growth,
    fracdiff,
    growth,
    imbalance_bars,
    labels,
    memory,
    report,
    research_chain,
    splits,
    store,
    weights,
)
from benchmarks.contest import Contest, Row, hold
from benchmarks.minute_bars import minute_bars

FEWEST_DAYS = 140
FEWEST_MEGABYTES = 41
FLAT_AT_MOST = 1.3
PEAK_BYTES_AT_MOST = 1e9
FEW_ROUNDS = 3
"""Of work that takes a peer minutes."""


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; `python` is the peers' interpreter, None without peers."""

    python: str | None
    folder: Path
    rounds: int
    days: int
    megabytes: int


@dataclass
class Found:
    """What a part measured, and what was not as it should be."""

    rows: list[Row] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def _held(contests: Sequence[Contest], rounds: int) -> list[Row]:
    rows = []
    for contest in contests:
        print(f"{contest.work} ...", file=sys.stderr, flush=True)
        rows += hold(contest, rounds)
    return rows


def _bars(asked: Asked) -> Found:
    with bars.running_peer(asked.python) if asked.python else nullcontext() as peer:
        problems = [found for bar in bars.BARS for found in bars.differences(peer, bar)] if peer else []
        return Found(_held(bars.contests(peer), asked.rounds), problems=problems)


def _imbalance_bars(asked: Asked) -> Found:
    if asked.python is None:
        return Found()
    with imbalance_bars.running_peer(asked.python) as peer:
        rules = (*imbalance_bars.RULES, *imbalance_bars.SMALL)
        problems = [found for rule in rules for found in imbalance_bars.differences(peer, rule)]
        return Found(_held(imbalance_bars.contests(peer), min(asked.rounds, FEW_ROUNDS)), problems=problems)


def _labels(asked: Asked) -> Found:
    made = labels.work()
    with labels.running_peers(asked.python, made, asked.folder) if asked.python else nullcontext() as peers:
        problems = labels.differences(made, peers) if peers else []
        return Found(_held(labels.contests(made, peers), min(asked.rounds, FEW_ROUNDS)), problems=problems)


def _weights(asked: Asked) -> Found:
    with weights.running_peer(asked.python) if asked.python else nullcontext() as peer:
        problems = weights.differences(peer) if peer else []
        return Found(_held(weights.contests(peer), 1 if peer else asked.rounds), problems=problems)


def _fracdiff(asked: Asked) -> Found:
    with fracdiff.running_peer(asked.python) if asked.python else nullcontext() as peer:
        problems = fracdiff.differences(peer)
        return Found(_held(fracdiff.contests(peer), min(asked.rounds, FEW_ROUNDS)), problems=problems)


def _splits(asked: Asked) -> Found:
    has_peer = asked.python is not None and splits.has_peer(asked.python)
    with splits.running_peer(asked.python) if asked.python and has_peer else nullcontext() as peer:
        problems = splits.differences(peer) if peer else []
        return Found(_held(splits.contests(peer), min(asked.rounds, FEW_ROUNDS)), problems=problems)


def _backtest(asked: Asked) -> Found:
    made = backtest.work()
    has_peer = asked.python is not None and backtest.has_peer(asked.python)
    peers = backtest.running_peer(asked.python, made, asked.folder) if asked.python and has_peer else nullcontext()
    with peers as peer:
        problems = backtest.differences(made, peer) if peer else []
        return Found(_held(backtest.contests(made, peer), min(asked.rounds, FEW_ROUNDS)), problems=problems)


def _store(asked: Asked) -> Found:
    made = minute_bars(n_days=asked.days)
    rows = _held([store.publish(made, asked.folder)], min(asked.rounds, FEW_ROUNDS))
    del made
    lake = store.open_published(asked.folder)
    problems = store.disagreements(lake)
    rows += _held(store.reads(lake), asked.rounds)
    return Found(rows + _held([store.read_corrected(lake)], asked.rounds), problems=problems)


def _memory(asked: Asked) -> Found:
    done = []
    for size in (asked.megabytes, 4 * asked.megabytes):
        print(f"ingest a CSV of {size} MB ...", file=sys.stderr, flush=True)
        done.append(memory.ingest_made_up(asked.folder, size * 1_000_000))
    problems = [f"ingestion took {run.peak_bytes / 1e6:,.0f} MB" for run in done if run.peak_bytes > PEAK_BYTES_AT_MOST]
    more = done[-1].peak_bytes / done[0].peak_bytes
    if more > FLAT_AT_MOST:
        problems.append(f"peak memory grew {more:.2f}× with a file 4 times as large")
    return Found(tables=[report.memory_table(done)], problems=problems)


def _growth(asked: Asked) -> Found:
    done = growth.measure(asked.folder)
    more = done[-1].peak_bytes / done[-2].peak_bytes
    slower = (done[-1].seconds / done[-1].trades) / (done[-2].seconds / done[-2].trades)
    problems = [f"peak memory grew {more:.2f}× from 10M to 50M trades"] if more > FLAT_AT_MOST else []
    problems += [f"a million of 50M trades takes {slower:.2f}× as long as one of 10M"] if slower > FLAT_AT_MOST else []
    return Found(tables=[growth.table(done)], problems=problems)


def _features(asked: Asked) -> Found:
    problems = features.differences()
    rows = _held(features.contests(), asked.rounds)
    print("live bars ...", file=sys.stderr, flush=True)
    found, started = features.steady(features.bars(2 * features.LIVE_BARS)), features.start()
    return Found(
        rows, [features.fastest(rows), features.table(found, started)], problems + features.problems(found, started)
    )


def _features_growth(asked: Asked) -> Found:
    done = features_growth.measure(asked.folder)
    more = done[-1].peak_bytes / done[-2].peak_bytes
    problems = [f"{run.tickers} tickers took {run.peak_bytes / 1e6:,.0f} MB" for run in done if run.peak_bytes > 2e9]
    problems += [f"peak memory grew {more:.2f}× with twice the tickers"] if more > FLAT_AT_MOST else []
    return Found(tables=[features_growth.table(done)], problems=problems)


def _research_chain(asked: Asked) -> Found:
    n_rounds = min(asked.rounds, FEW_ROUNDS)
    done = research_chain.measure(asked.folder, n_rounds)
    found = done[len(done) // 2]
    return Found(tables=[research_chain.table(found, n_rounds)], problems=research_chain.problems(found))


PARTS: dict[str, Callable[[Asked], Found]] = {
    "bars": _bars,
    "imbalance_bars": _imbalance_bars,
    "labels": _labels,
    "weights": _weights,
    "fracdiff": _fracdiff,
    "splits": _splits,
    "features": _features,
    "features_growth": _features_growth,
    "backtest": _backtest,
    "research_chain": _research_chain,
    "store": _store,
    "memory": _memory,
    "growth": _growth,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="run this part (may be given several times)")
    parser.add_argument("--rounds", type=int, default=9, help="counted runs of each way (default 9)")
    parser.add_argument("--days", type=int, default=257, help="days of minute bars of 100 tickers (default 257: 10M)")
    parser.add_argument("--megabytes", type=int, default=100, help="size of the CSV, then of one 4 times as large")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--write", action="store_true", help=f"write what is measured into {report.PAGE.name}")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed or results differ")
    chosen = parser.parse_args(arguments)
    if chosen.days < FEWEST_DAYS:
        parser.error(f"--days must be {FEWEST_DAYS} or more: one of the reads is of a day in July")
    if chosen.megabytes < FEWEST_MEGABYTES:
        parser.error(f"--megabytes must be {FEWEST_MEGABYTES} or more: the files grow by days of 41 MB")
    problems = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        python = os.environ.get("TSIS_PEERS_PYTHON")
        asked = Asked(python, Path(folder), chosen.rounds, chosen.days, chosen.megabytes)
        for name in chosen.only or PARTS:
            found = PARTS[name](asked)
            missed = [row for row in found.rows if row.is_missed]
            found.problems += [f"{row.work}, against {row.other}: {report.ratio(row.ratio)}" for row in missed]
            problems += found.problems
            notes = [report.machine(), report.peers(python)]
            section = report.section(notes, found.rows, found.tables, found.problems)
            print(f"\n## {name}\n\n{section}", flush=True)
            if chosen.write:
                report.write(name, section)
    return 1 if chosen.check and problems else 0


if __name__ == "__main__":
    sys.exit(main())
