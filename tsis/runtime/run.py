"""The one way in which stages run, whoever asks: CLI, flow, DVC or notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tsis.core.clock import Clock, SystemClock
from tsis.core.errors import GateError
from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.lake.store import Lake
from tsis.runtime.attempt import Attempt, Ended
from tsis.runtime.dag import SHARED
from tsis.runtime.journal import Journal
from tsis.runtime.readings import Readings
from tsis.runtime.results import Outcome, Progress, RunReport, Silent
from tsis.runtime.turns import may_begin
from tsis.runtime.workers import workers

if TYPE_CHECKING:
    from tsis.runtime.gate import Gate

STAGES_AT_A_TIME: Final = 2
"""While one waits for the disk or the interpreter the other computes; more would hold more tables in memory."""


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
    """Run stages, each when those that it needs have ended, and commit one snapshot.

    A stage whose code, params and input versions match an earlier success is not called: its outputs are taken from
    then. Where some tickers failed, stages by ticker go on with the others; a stage over all tickers, and every stage
    that needs a table of a failed one, is skipped. What succeeded is committed all the same.

    Parameters
    ----------
    lake : where to read and publish.
    chain : stages in running order, as `tsis.runtime.dag.select` gives them.
    params : stage name to parameters.
    threads : how many units are worked on at once; with two or more, two stages run beside each other where neither
        needs the other. Results do not depend on it.
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
    with Journal(lake, run_id) as journal, lake.transaction(writes) as transaction:
        with workers(threads) as shared:
            readings = Readings(transaction)
            attempt = Attempt(lake, transaction, readings, shared, params, clock, run_id, is_forced)
            outcomes = _in_turns(chain, attempt, min(threads, STAGES_AT_A_TIME), progress, journal)
        try:
            if gate:
                gate(lake, transaction, run_id, clock)
        except GateError:
            journal.publish()  # the stages did run, and what they wrote can be looked at
            raise
        transaction.commit(run_id)
        journal.publish()
    return RunReport(run_id, lake.snapshot().id, outcomes)


def _in_turns(
    chain: Sequence[AnyStage],
    attempt: Callable[[AnyStage], Ended],
    at_a_time: int,
    progress: Progress,
    journal: Journal,
) -> tuple[Outcome, ...]:
    """Attempt the stages, up to `at_a_time` beside each other, and return how they ended, in the order of the chain."""
    outcomes: dict[int, Outcome] = {}
    broken: set[str] = set()  # tables of failed and skipped stages
    incomplete: set[str] = set()  # tables that lack a ticker: enough for stages by ticker, not for whole ones

    def ended(position: int, outcome: Outcome) -> None:
        stage = chain[position]
        # a product that fails keeps its rolls, and is nothing to other tickers
        is_incomplete = outcome.status == "partial" or (outcome.status == "failed" and stage.by == "product")
        if outcome.status in ("failed", "skipped") and not is_incomplete:
            broken.update(table.name for table in stage.writes)
        elif is_incomplete or any(table.name in incomplete for table in stage.reads):
            incomplete.update(table.name for table in stage.writes)
        outcomes[position] = outcome
        progress.ended(outcome)

    waiting, running = list(range(len(chain))), dict[Future[Ended], int]()
    with ThreadPoolExecutor(at_a_time, thread_name_prefix="stage") as pool:
        while waiting or running:
            ready = [position for position in waiting if may_begin(position, chain, outcomes.keys())]
            for position in ready[: at_a_time - len(running)]:
                waiting.remove(position)
                stage = chain[position]
                progress.started(stage.name, position, len(chain))
                read = {table.name for table in stage.reads}
                if read & broken or (stage.by == "whole" and read & incomplete):
                    ended(position, Outcome(stage.name, "skipped", failures={"": "a stage that it needs failed"}))
                else:
                    running[pool.submit(attempt, stage)] = position
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future, position in [(future, running.pop(future)) for future in list(running) if future in done]:
                if row := future.result().entry:
                    journal.add(row)
                ended(position, future.result().outcome)
    return tuple(outcomes[position] for position in range(len(chain)))
