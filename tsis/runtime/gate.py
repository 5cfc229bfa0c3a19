"""The quality gate: checks between what a run wrote and its promotion."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from tsis.core.clock import Clock, SystemClock
from tsis.core.errors import GateError, some
from tsis.governance.quality.check import MEASURED, Candidate, Check, checks, measured
from tsis.governance.quality.page import quality_page
from tsis.governance.quality.verdict import Verdict, verdicts
from tsis.lake.durable import replace_file
from tsis.lake.store import Lake
from tsis.lake.transaction import Transaction

QUALITY = "governance.quality"
PAGE = "governance/quality.html"
Gate = Callable[[Lake, Transaction, str, Clock], None]
"""Judges what a transaction would promote for a run: returns, or raises `GateError`."""


def quality_gate(lake: Lake, transaction: Transaction, run_id: str, clock: Clock) -> None:
    """Hold every check against the candidates of `transaction`, write the verdicts and the page, and refuse on errors.

    A check is held against a table where the table, or one that it reads beside it, has changed. Where nothing has,
    nothing is judged.

    Raises
    ------
    GateError
        If a check of severity error fails, with the checks, how many values, and where to look.
    """
    candidates = transaction.candidates()
    if not candidates:
        return
    found = _judged(lake, transaction, candidates)
    _record(lake, run_id, found, clock)
    write_quality_page(lake)
    blocking = [verdict for verdict in found if verdict.blocks]
    if blocking:
        tables = sorted({verdict.judged_table for verdict in blocking})
        versions = [f"{name}@{transaction.version(name) or ''!s:.12}" for name in tables]
        raise GateError(
            f"the quality gate refuses {len(tables):,} of {len(candidates):,} changed tables, and the snapshot of "
            f"before stays: {some([describe(verdict) for verdict in blocking], 3)}; candidates to look at with "
            f"scan(version=…): {some(versions, 3)}; the page: {lake.root / PAGE}"
        )


def judge_current(lake: Lake, clock: Clock | None = None) -> list[Verdict]:
    """Hold every check against all tables of the current snapshot, write the verdicts and the page, and return them."""
    clock = clock or SystemClock()
    with lake.transaction([]) as transaction:
        versions = {name: version for name in lake.tables if (version := transaction.version(name))}
        found = _judged(lake, transaction, versions)
    _record(lake, f"judging:{clock.now():%Y%m%dT%H%M%S}", found, clock)
    write_quality_page(lake)
    return found


def write_quality_page(lake: Lake) -> Path:
    """Write ``governance/quality.html`` from all verdicts in the lake and return its path."""
    path = lake.root / PAGE
    page = quality_page(lake.scan(QUALITY).collect(), checks(), lake.snapshot().tables)
    replace_file(path, page.encode())
    return path


def describe(verdict: Verdict) -> str:
    """Return what failed in one line: check, table, how many values, the limit, the first example."""
    limits = [f"at least {verdict.at_least:g}"] if verdict.at_least is not None else []
    limits += [f"at most {verdict.at_most:g}"] if verdict.at_most is not None else []
    first: dict[str, object] = next(iter(json.loads(verdict.examples)), {})
    where = " ".join(str(first[name]) for name in ("ticker", "bar_spec", "at") if name in first)
    example = f" (worst: {where + ' ' if where else ''}{verdict.worst:g})" if verdict.worst is not None else ""
    return (
        f"{verdict.check_name} of {verdict.judged_table}: {verdict.n_failed:,} of {verdict.n_measured:,} values "
        f"are not {' and '.join(limits)} {verdict.unit}{example}"
    )


def _judged(lake: Lake, transaction: Transaction, judged: Mapping[str, str]) -> list[Verdict]:
    """Return the verdicts on the tables in `judged`, and on those whose checks read one of these beside them."""
    promoted = lake.snapshot().tables
    beside: dict[str, pl.DataFrame] = {}
    plans: list[tuple[Check, str, pl.LazyFrame]] = []
    for check in (check for check in checks() if set(check.reads) <= set(lake.tables)):
        for table in lake.tables.values():
            version = transaction.version(table.name)
            is_concerned = table.name in judged or any(name in judged for name in check.reads)
            if version is None or not is_concerned or not check.judges(table):
                continue
            for name in check.reads:
                if name not in beside:
                    beside[name] = transaction.scan(name).collect()
            current = promoted.get(table.name)
            candidate = Candidate(
                table=table,
                rows=transaction.scan(table.name),
                before=lake.scan_version(table.name, current) if current and current != version else None,
                beside={name: beside[name] for name in check.reads},
            )
            plans.append((check, table.name, measured(check, candidate)))
    values = _collected(plans)
    judgeable = []
    for check in checks():
        own = {table: frame for (plan, table, _), frame in zip(plans, values, strict=True) if plan is check}
        if own:
            versions = {table: transaction.version(table) or "" for table in own}
            judgeable.append((check, versions, pl.concat([pl.DataFrame(schema=MEASURED), *own.values()])))
    return verdicts(judgeable)


def _collected(plans: list[tuple[Check, str, pl.LazyFrame]]) -> list[pl.DataFrame]:
    """Return what the plans measure; those of one table share its reading."""
    values: dict[int, pl.DataFrame] = {}
    for name in dict.fromkeys(table for _, table, _ in plans):
        places = [place for place, (_, table, _) in enumerate(plans) if table == name]
        values |= zip(places, pl.collect_all([plans[place][2] for place in places]), strict=True)
    return [_without_nulls(check, table, values[place]) for place, (check, table, _) in enumerate(plans)]


def _without_nulls(check: Check, table: str, values: pl.DataFrame) -> pl.DataFrame:
    """Refuse values that no limit can be held against: Great Expectations would pass over them in silence."""
    n_missing = values.filter(pl.col("value").is_null() | pl.col("value").is_nan()).height
    if n_missing:
        raise GateError(f"check {check.name} measured nothing for {n_missing:,} of {values.height:,} rows of {table}")
    return values


def _record(lake: Lake, run_id: str, found: list[Verdict], clock: Clock) -> None:
    judged_at = clock.now()
    rows = [{**vars(verdict), "run_id": run_id, "judged_at": judged_at} for verdict in found]
    lake.append(QUALITY, pl.DataFrame(rows, schema=lake.spec(QUALITY).polars_schema))
