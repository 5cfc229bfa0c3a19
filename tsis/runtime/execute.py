"""Calls one stage for all of its units and publishes what it returns."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from tsis.core.errors import StageError, TsisError
from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.lake.contract import check_contract
from tsis.lake.transaction import Transaction
from tsis.runtime.compile_timer import compile_timer
from tsis.runtime.dag import SHARED
from tsis.runtime.inputs import Inputs
from tsis.runtime.results import Outcome, Status


@dataclass(frozen=True)
class Execution:
    """The outcome of a stage and the frames that it returned for shared append tables."""

    outcome: Outcome
    shared: dict[str, pl.DataFrame]


def execute(stage: AnyStage, params: Params, transaction: Transaction, threads: int) -> Execution:
    """Read, call, publish.

    A unit that raises is reported; the rows of the other units are published, and what the failed unit published before
    stays. Results are joined in the order of the units, whatever thread was first.
    """
    start = time.perf_counter()
    with compile_timer() as compilation:
        inputs = Inputs(stage, transaction)
        units = inputs.units()
        with ThreadPoolExecutor(max_workers=threads, thread_name_prefix=stage.name) as pool:
            calls = [pool.submit(_call, stage, params, inputs, unit, transaction) for unit in units]
    failures = {unit or "": _reason(call) for unit, call in zip(units, calls, strict=True) if call.exception()}
    results = [call.result() for call in calls if not call.exception()]
    done = [unit for unit, call in zip(units, calls, strict=True) if not call.exception() and unit is not None]
    rows_out, shared = 0, {}
    if results or not units:
        for position, table in enumerate(stage.writes):
            frames = [result[position] for result in results]
            if table.name in SHARED:
                shared[table.name] = pl.concat(frames) if frames else pl.DataFrame()
                continue
            rows = pl.concat([transaction.spec(table.name).empty(), *frames])
            rows_out += rows.height
            transaction.replace(table.name, rows, tickers=done if failures else None)
    status: Status = "success" if not failures else "partial" if results else "failed"
    outcome = Outcome(
        stage=stage.name,
        status=status,
        rows_in=inputs.rows,
        rows_out=rows_out,
        seconds=time.perf_counter() - start,
        compile_s=compilation.seconds,
        failures=failures,
    )
    return Execution(outcome, shared)


def _call(
    stage: AnyStage, params: Params, inputs: Inputs, unit: str | None, transaction: Transaction
) -> tuple[pl.DataFrame, ...]:
    result = stage.function(**inputs.frames(unit), params=params)
    frames = result if isinstance(result, tuple) else (result,)
    if len(frames) != len(stage.writes):
        raise StageError(f"{stage.name} returned {len(frames)} frames for {len(stage.writes)} tables")
    for table, frame in zip(stage.writes, frames, strict=True):
        if table.name not in SHARED:
            check_contract(transaction.spec(table.name), frame)
    return frames


def _reason(call: Future[tuple[pl.DataFrame, ...]]) -> str:
    error = call.exception()
    return str(error) if isinstance(error, TsisError) else f"{type(error).__name__}: {error}"
