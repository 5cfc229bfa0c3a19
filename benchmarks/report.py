"""The page that says what was measured, where and on what."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.contest import Row
from benchmarks.memory import Ingested

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_PACKAGES = ("polars", "duckdb", "pyarrow", "numba", "numpy")
_PEER_PACKAGES = ("mlfinpy", "RiskLabAI", "purgedcv", "vectorbt", "pandas", "numba", "numpy")


def machine() -> str:
    """Return processor, cores, memory, system and versions in one line."""
    cpu = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        names = [line.partition(":")[2].strip() for line in facts.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}; "
        f"Python {platform.python_version()}, {versions}"
    )


def ratio(value: float) -> str:
    """Return how long TSIS takes as a multiple of the other, or how much faster it is."""
    if value < 1:
        return f"{1 / value:,.0f}× faster" if value < 0.1 else f"{1 / value:.1f}× faster"
    return f"{value:.2f}× as long"


def seconds(value: float) -> str:
    """Return a duration with a unit that suits it."""
    if value >= 1:
        return f"{value:.1f} s"
    if value < 1e-4:
        return f"{value * 1e6:.1f} µs"
    return f"{value * 1e3:.0f} ms" if value >= 0.01 else f"{value * 1e3:.2f} ms"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| work | TSIS | against | takes | TSIS is | target |", "|---|---|---|---|---|---|"]
    last = ""
    for row in rows:
        rate = f" ({row.n_items / row.ours_s / 1e6:,.3g}M {row.item}/s)" if row.n_items else ""
        work, ours = (row.work, seconds(row.ours_s) + rate) if row.work != last else ("", "")
        target = "" if row.target is None else f"{row.target}: {'**missed**' if row.is_missed else 'met'}"
        lines.append(f"| {work} | {ours} | {row.other} | {seconds(row.other_s)} | {ratio(row.ratio)} | {target} |")
        last = row.work
    return "\n".join(lines) + "\n"


def memory_table(ingested: Sequence[Ingested]) -> str:
    """Return the ingestions as a Markdown table."""
    lines = ["| CSV of trades | rows | seconds | peak memory |", "|---|---|---|---|"]
    lines += [
        f"| {item.file_bytes / 1e6:,.0f} MB | {item.rows:,} | {item.seconds:.0f} | {item.peak_bytes / 1e6:,.0f} MB |"
        for item in ingested
    ]
    return "\n".join(lines) + "\n"


def peers(python: str | None) -> str:
    """Return the versions of those peers that the interpreter `python` has."""
    if python is None:
        return "TSIS_PEERS_PYTHON is not set: without mlfinpy and RiskLabAI"
    code = (
        "import platform; from importlib.metadata import distributions;"
        "versions = {d.name: d.version for d in distributions()};"
        f"found = ', '.join(f'{{n}} {{versions[n]}}' for n in {_PEER_PACKAGES} if n in versions);"
        "print('Python', platform.python_version() + ',', found)"
    )
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    return f"The peers: {found}"


def section(notes: Sequence[str], rows: Sequence[Row], tables: Sequence[str], problems: Sequence[str]) -> str:
    """Return what a part measured, as Markdown."""
    parts = [". ".join(notes) + ".\n", table(rows) if rows else "", *tables]
    missed = ["Not as it should be:\n", *(f"- {problem}" for problem in problems), ""] if problems else []
    return "\n".join([*filter(None, parts), *missed])


def write(part: str, measured: str) -> None:
    """Replace the section of a part on the page."""
    page = PAGE.read_text()
    begin, end = (f"<!-- {part}: {edge} -->\n" for edge in ("begin", "end"))
    before, rest = page.split(begin)
    PAGE.write_text(f"{before}{begin}\n{measured}\n{end}{rest.split(end)[1]}")
