"""`python -m benchmarks`: everything, in ratios; `--check` fails where a target is missed, `--write` keeps them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import bars, memory, report, store
from benchmarks.contest import Contest, Row, hold
from benchmarks.minute_bars import minute_bars

PARTS = ("store", "bars", "memory")
FEWEST_DAYS = 140
FEWEST_MEGABYTES = 41
FLAT_AT_MOST = 1.3
PEAK_BYTES_AT_MOST = 1e9


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="run this part (may be given several times)")
    parser.add_argument("--rounds", type=int, default=9, help="counted runs of each way (default 9)")
    parser.add_argument("--days", type=int, default=257, help="days of minute bars of 100 tickers (default 257: 10M)")
    parser.add_argument("--megabytes", type=int, default=100, help="size of the CSV, then of one 4 times as large")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {report.PAGE.name}")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed or rows differ")
    chosen = parser.parse_args(arguments)
    parts = chosen.only or PARTS
    if chosen.days < FEWEST_DAYS:
        parser.error(f"--days must be {FEWEST_DAYS} or more: one of the reads is of a day in July")
    if chosen.megabytes < FEWEST_MEGABYTES:
        parser.error(f"--megabytes must be {FEWEST_MEGABYTES} or more: the files grow by days of 41 MB")
    if chosen.write and set(parts) != set(PARTS):
        parser.error("--write needs all parts: leave out --only")
    rows: list[Row] = []
    ingested: list[memory.Ingested] = []
    problems: list[str] = []
    peer = os.environ.get("TSIS_PEERS_PYTHON")
    notes = [report.machine()]
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        if "bars" in parts:
            rows += _bars(peer, chosen.rounds, notes, problems)
        if "store" in parts:
            rows += _store(Path(folder), chosen.rounds, chosen.days, problems)
        if "memory" in parts:
            ingested = _memory(Path(folder), chosen.megabytes)
    tables = [report.table(rows) if rows else "", report.memory_table(ingested) if ingested else ""]
    section = "\n".join([". ".join(notes) + ".\n", *filter(None, tables)])
    print(f"\n{section}")
    problems += [
        f"{row.work}, against {row.other}: {report.ratio(row.ratio)}, not {row.target}" for row in rows if row.is_missed
    ]
    problems += _memory_problems(ingested)
    for problem in problems:
        print(f"MISSED {problem}", file=sys.stderr)
    if chosen.write:
        report.write(section)
    return 1 if chosen.check and problems else 0


def _held(contests: Sequence[Contest], rounds: int) -> list[Row]:
    rows = []
    for contest in contests:
        print(f"{contest.work} ...", file=sys.stderr, flush=True)
        rows += hold(contest, rounds)
    return rows


def _bars(python: str | None, rounds: int, notes: list[str], problems: list[str]) -> list[Row]:
    if python is None:
        notes.append("TSIS_PEERS_PYTHON is not set: without mlfinpy")
        return _held(bars.contests(None), rounds)
    with bars.running_peer(python) as peer:
        versions = peer.ask("versions")
        notes.append("The peer: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
        found = [difference for bar in bars.BARS for difference in bars.differences(peer, bar)]
        notes.append("Its bars differ: " + "; ".join(found) if found else "Its bars equal ours to the last bit")
        problems += found
        return _held(bars.contests(peer), rounds)


def _store(folder: Path, rounds: int, days: int, problems: list[str]) -> list[Row]:
    made = minute_bars(n_days=days)
    rows = _held([store.publish(made, folder)], min(rounds, 3))
    del made
    lake = store.open_published(folder)
    problems += store.disagreements(lake)
    rows += _held(store.reads(lake), rounds)
    return rows + _held([store.read_corrected(lake)], rounds)


def _memory(folder: Path, megabytes: int) -> list[memory.Ingested]:
    done = []
    for size in (megabytes, 4 * megabytes):
        print(f"ingest a CSV of {size} MB ...", file=sys.stderr, flush=True)
        done.append(memory.ingest_made_up(folder, size * 1_000_000))
    return done


def _memory_problems(ingested: Sequence[memory.Ingested]) -> list[str]:
    if not ingested:
        return []
    first, last = ingested[0], ingested[-1]
    found = [
        f"ingestion took {item.peak_bytes / 1e6:,.0f} MB" for item in ingested if item.peak_bytes > PEAK_BYTES_AT_MOST
    ]
    if last.peak_bytes > FLAT_AT_MOST * first.peak_bytes:
        found.append(f"peak memory grew {last.peak_bytes / first.peak_bytes:.2f}× with a file 4 times as large")
    return found


if __name__ == "__main__":
    sys.exit(main())
