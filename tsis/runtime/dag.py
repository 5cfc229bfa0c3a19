"""The stages and the order that follows from what they read and write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter

from tsis.core.discovery import members
from tsis.core.errors import UnknownNameError, UsageError
from tsis.core.stage import AnyStage, Stage
from tsis.core.table import TableSpec

DOMAIN = ("bars", "features", "labeling", "dataset", "models", "signals", "risk", "backtest", "analytics")
SHARED = frozenset({"governance.trials"})
"""Append tables that several stages write."""


@cache
def stages() -> dict[str, AnyStage]:
    """Return every stage by name, in an order in which they can run.

    Raises
    ------
    UsageError
        If two stages have one name or own one table, or the tables form a circle.
    """
    found: list[AnyStage] = [item for package in DOMAIN for item in members(f"tsis.{package}", Stage)]
    return ordered(found)


def ordered(found: Iterable[AnyStage]) -> dict[str, AnyStage]:
    """Return `found` by name, each after the stages whose tables it reads; ties in name order."""
    by_name: dict[str, AnyStage] = {}
    for item in found:
        if by_name.setdefault(item.name, item) is not item:
            raise UsageError(f"two stages are called {item.name}: in {by_name[item.name].module} and {item.module}")
    owners = owner_of_table(by_name)
    graph = {name: {owners[t.name] for t in item.reads if t.name in owners} for name, item in by_name.items()}
    sorter = TopologicalSorter({name: sorted(graph[name]) for name in sorted(graph)})
    try:
        sorter.prepare()
    except CycleError as error:
        raise UsageError(f"stages form a circle: {' → '.join(error.args[1])}") from error
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return {name: by_name[name] for name in order}


def owner_of_table(by_name: Mapping[str, AnyStage]) -> dict[str, str]:
    """Return table name to the one stage that writes it.

    Raises
    ------
    UsageError
        If two stages own one table.
    """
    owners: dict[str, str] = {}
    for name, item in by_name.items():
        for table in item.writes:
            if table.name not in SHARED and owners.setdefault(table.name, name) != name:
                raise UsageError(f"stages {owners[table.name]} and {name} both write {table.name}")
    return owners


def select(names: Iterable[str], by_name: Mapping[str, AnyStage]) -> list[AnyStage]:
    """Return the stages called `names` in running order; all of them where `names` is empty.

    Results can't be looked at uncounted: where a stage writes analytics, or what a counting stage (one that writes
    trials) reads, the counting stage and what lies between them are run too.

    Raises
    ------
    UnknownNameError
        If a stage does not exist, with the nearest name.
    """
    wanted = set(names)
    for name in sorted(wanted):
        if name not in by_name:
            raise UnknownNameError("stage", name, by_name)
    if not wanted:
        return list(by_name.values())
    chosen = [by_name[name] for name in sorted(wanted)]
    for counting in (item for item in by_name.values() if SHARED & _names(item.writes)):
        for item in chosen:
            if _names(item.writes) & _names(counting.reads) or any(table.zone == "analytics" for table in item.writes):
                wanted |= {counting.name} | (_downstream(item, by_name) & _upstream(counting, by_name))
    return [item for name, item in by_name.items() if name in wanted]


def needed_by(name: str, by_name: Mapping[str, AnyStage]) -> list[str]:
    """Return the stage called `name` and all that it needs, directly or not, in running order."""
    chosen = _upstream(by_name[name], by_name) | {name}
    return [stage for stage in by_name if stage in chosen]


def _names(tables: Iterable[TableSpec]) -> set[str]:
    return {table.name for table in tables}


def _downstream(start: AnyStage, by_name: Mapping[str, AnyStage]) -> set[str]:
    """Return the stages that need what `start` writes, directly or not; `by_name` is in running order."""
    written, found = _names(start.writes), set()
    for name, item in by_name.items():
        if written & _names(item.reads):
            found.add(name)
            written |= _names(item.writes)
    return found


def _upstream(end: AnyStage, by_name: Mapping[str, AnyStage]) -> set[str]:
    """Return the stages that `end` needs, directly or not."""
    read, found = _names(end.reads), set()
    for name, item in reversed(list(by_name.items())):
        if read & _names(item.writes):
            found.add(name)
            read |= _names(item.reads)
    return found
