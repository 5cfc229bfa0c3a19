"""The one way in which stages run, whoever asks: CLI, flow, DVC or notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from tsis.core.clock import Clock, SystemClock
from tsis.core.errors import GateError, TsisError
from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.lake.store import Lake
from tsis.lake.transaction import Transaction
from tsis.runtime.dag import SHARED
from tsis.runtime.execute import execute
from tsis.runtime.fit_trials import fit_results
from tsis.runtime.journal import Journal
from tsis.runtime.ledger import fits, is_trial, record_attempt, record_results
from tsis.runtime.readings import Readings
from tsis.runtime.record import earlier_outputs, entry, identity, log
from tsis.runtime.results import Outcome, Progress, RunReport, Silent

if TYPE_CHECKING:
    from tsis.runtime.gate import Gate


def run(
    lake: Lake,
    chain: Sequence[AnyStage],
    params: Mapping[str, Params],
    *,
    threads: int = 1,
    clock: Clock | None = None,
    progress: Progress | None = None,
    is_forced: bool = False,
    gate: Gate | None = None,
) -> RunReport:
    """Run stages in the order given and commit one snapshot.

    A stage whose code, params and input versions match an earlier success is not called: its outputs are taken from
    then. Where some tickers failed, stages by ticker go on with the others; a stage over all tickers, and every stage
    that needs a table of a failed one, is skipped. What succeeded is committed all the same.

    Parameters
    ----------
    lake : where to read and publish.
    chain : stages in running order, as `tsis.runtime.dag.select` gives them.
    params : stage name to parameters.
    threads : how many units of a stage are worked on at once; results do not depend on it.
    is_forced : call every stage, matched or not.
    gate : judges the candidates before they are committed, such as `tsis.runtime.gate.quality_gate`; None: nobody does.

    Raises
    ------
    GateError
        If the gate refuses: nothing is promoted. What the stages wrote stays as candidates, and the next run takes them
        up where code, params and inputs are the same.
    LockTimeoutError
        If another process is writing one of the tables.
    """
    clock, progress = clock or SystemClock(), progress or Silent()
    run_id = f"{clock.now():%Y%m%dT%H%M%S}-{uuid4().hex[:6]}"
    writes = sorted({table.name for stage in chain for table in stage.writes} - SHARED)
    outcomes: list[Outcome] = []
    with Journal(lake, run_id) as journal, lake.transaction(writes) as transaction:
        readings = Readings(transaction)
        broken: set[str] = set()  # tables of failed and skipped stages
        incomplete: set[str] = set()  # tables that lack a ticker: enough for stages by ticker, not for whole ones
        for position, stage in enumerate(chain):
            progress.started(stage.name, position, len(chain))
            read = {table.name for table in stage.reads}
            if read & broken or (stage.by == "whole" and read & incomplete):
                outcome = Outcome(stage.name, "skipped", failures={"": "a stage that it needs failed"})
            else:
                outcome = _run_stage(lake, transaction, readings, stage, params, journal, threads, clock, is_forced)
            # a product that fails keeps its rolls, and is nothing to other tickers
            is_incomplete = outcome.status == "partial" or (outcome.status == "failed" and stage.by == "product")
            if outcome.status in ("failed", "skipped") and not is_incomplete:
                broken |= {table.name for table in stage.writes}
            elif is_incomplete or read & incomplete:
                incomplete |= {table.name for table in stage.writes}
            outcomes.append(outcome)
            progress.ended(outcome)
        try:
            if gate:
                gate(lake, transaction, run_id, clock)
        except GateError:
            journal.publish()  # the stages did run, and what they wrote can be looked at
            raise
        transaction.commit(run_id)
        journal.publish()
    return RunReport(run_id, lake.snapshot().id, tuple(outcomes))


def _run_stage(
    lake: Lake,
    transaction: Transaction,
    readings: Readings,
    stage: AnyStage,
    all_params: Mapping[str, Params],
    journal: Journal,
    threads: int,
    clock: Clock,
    is_forced: bool,
) -> Outcome:
    started_at, params = clock.now(), all_params[stage.name]
    what = identity(stage, params, {table.name: transaction.version(table.name) or "" for table in stage.reads})
    owned = [table.name for table in stage.writes if table.name not in SHARED]
    earlier = None if is_forced else earlier_outputs(lake, stage.name, what.fingerprint)
    if earlier and set(earlier) == set(owned) and all(transaction.adopt(name, earlier[name]) for name in owned):
        outcome = Outcome(stage.name, "unchanged")
        log(lake, journal.run_id, outcome, started_at)
        return outcome
    if is_trial(stage):
        record_attempt(lake, stage, what)
    shared = {}
    try:
        with transaction.wholly():
            execution = execute(stage, params, lake, transaction, readings, threads, is_forced=is_forced)
        outcome, shared = execution.outcome, execution.shared
    except TsisError as error:
        outcome = Outcome(stage.name, "failed", failures={"": str(error)})
    for results in shared.values():
        record_results(lake, stage, what, results)
    if fits(stage) and outcome.status == "success":
        record_results(lake, stage, what, fit_results(transaction.scan, all_params))
    outputs = {name: transaction.version(name) or "" for name in owned if transaction.version(name)}
    log(lake, journal.run_id, outcome, started_at)
    journal.add(entry(journal.run_id, outcome, what, outputs, started_at))
    return outcome
