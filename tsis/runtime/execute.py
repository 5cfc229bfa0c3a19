"""Calls one stage for all of its units and publishes what it returns."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tsis.core.errors import ContractError
from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.core.table import TableSpec
from tsis.lake.store import Lake
from tsis.lake.transaction import Transaction
from tsis.runtime.compile_timer import Compilation
from tsis.runtime.dag import SHARED
from tsis.runtime.inputs import Inputs, session_of
from tsis.runtime.readings import Readings
from tsis.runtime.results import Outcome, Status
from tsis.runtime.resume import Resumed, Resumption
from tsis.runtime.returned import Returned, in_turn
from tsis.runtime.workers import Workers


@dataclass(frozen=True)
class Execution:
    """The outcome of a stage and the frames that it returned for shared append tables."""

    outcome: Outcome
    shared: dict[str, pl.DataFrame]


def execute(
    stage: AnyStage,
    params: Params,
    lake: Lake,
    transaction: Transaction,
    readings: Readings,
    workers: Workers,
    *,
    is_forced: bool = False,
) -> Execution:
    """Read, call, publish.

    A unit that raises is reported; the rows of the other units are published, and what the failed unit published before
    stays. Results are joined in the order of the units, whatever thread was first.
    """
    start, compilation = time.perf_counter(), Compilation()
    inputs = Inputs(stage, transaction, readings)
    units = inputs.units()
    resumption = Resumption(stage, params, lake, inputs, transaction, is_forced=is_forced)

    def call(unit: str | None) -> Resumed:
        with workers.timer.counts_for(compilation):
            if stage.is_resumable and unit is not None:
                return resumption(unit)
            return Resumed(stage.frames(inputs.frames(unit), params)[0])

    returned = Returned(stage, transaction)
    with closing(returned):
        for unit, ended in in_turn(workers.pool, call, units, workers.threads):
            returned.add(unit, ended)
        rows_out = _publish_all(stage, returned, transaction)
    done, failures = returned.done, returned.failures
    for unit, result in done.items():
        if stage.is_resumable:
            resumption.remember(str(unit), result)
    status: Status = "success" if not failures else "partial" if done else "failed"
    outcome = Outcome(
        stage=stage.name,
        status=status,
        rows_in=inputs.rows,
        rows_out=rows_out,
        seconds=time.perf_counter() - start,
        compile_s=compilation.seconds,
        failures=failures,
    )
    return Execution(outcome, _shared(stage, done))


def _publish_all(stage: AnyStage, returned: Returned, transaction: Transaction) -> int:
    """Publish every table that the stage owns and return the rows; nothing where all units failed."""
    try:
        with transaction.wholly(table.name for table in stage.writes):
            return _published(stage, returned, transaction)
    except (ContractError, pl.exceptions.PolarsError):
        if not returned.drop_breaches():
            raise
        return _published(stage, returned, transaction)


def _published(stage: AnyStage, returned: Returned, transaction: Transaction) -> int:
    if returned.failures and not returned.done:
        return 0
    rows_out = returned.rows_on_hold
    since = {str(unit): result.since for unit, result in returned.done.items()}
    for position, table in enumerate(stage.writes):
        if table.name not in SHARED:
            rows = returned.rows(position)
            rows_out += rows.height
            _publish(stage, table, rows, since, returned.failures, transaction)
    return rows_out


def _shared(stage: AnyStage, done: Mapping[str | None, Resumed]) -> dict[str, pl.DataFrame]:
    return {
        table.name: pl.concat([result.frames[position] for result in done.values()])
        for position, table in enumerate(stage.writes)
        if table.name in SHARED and done
    }


def _publish(
    stage: AnyStage,
    table: TableSpec,
    rows: pl.DataFrame,
    since: dict[str, datetime | None],
    failures: Collection[str],
    transaction: Transaction,
) -> None:
    """Replace what the units that succeeded said before; units that are gone keep nothing, failed ones everything."""
    if stage.by != "ticker" and failures:
        unit = session_of(table) if stage.by == "session" else pl.col("product")
        before = transaction.scan(table.name).filter(unit.is_in(list(failures))).collect()
        transaction.replace(table.name, pl.concat([rows, before]))
    elif not failures and not any(since.values()):
        transaction.replace(table.name, rows)
    else:
        present = transaction.scan(table.name).select("ticker").unique().collect()["ticker"].to_list()
        gone: dict[str, datetime | None] = dict.fromkeys(set(present) - set(failures))
        transaction.replace_since(table.name, rows, gone | since)
