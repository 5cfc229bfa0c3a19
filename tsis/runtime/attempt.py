"""One stage of a run: taken from an earlier success where nothing that it depends on changed, else called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsis.core.clock import Clock
from tsis.core.errors import TsisError
from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.lake.store import Lake
from tsis.lake.transaction import Transaction
from tsis.runtime.dag import SHARED
from tsis.runtime.execute import execute
from tsis.runtime.fit_trials import fit_results
from tsis.runtime.ledger import fits, is_trial, record_attempt, record_results
from tsis.runtime.readings import Readings
from tsis.runtime.record import earlier_outputs, entry, identity, log
from tsis.runtime.results import Outcome
from tsis.runtime.workers import Workers


@dataclass(frozen=True)
class Ended:
    """How a stage ended, and its row of governance.runs where it was called."""

    outcome: Outcome
    entry: dict[str, Any] | None = None


@dataclass(frozen=True)
class Attempt:
    """What the stages of one run share; it is called with a stage, also from several threads at once.

    Parameters
    ----------
    is_forced : call the stage, matched or not.
    """

    lake: Lake
    transaction: Transaction
    readings: Readings
    workers: Workers
    params: Mapping[str, Params]
    clock: Clock
    run_id: str
    is_forced: bool

    def __call__(self, stage: AnyStage) -> Ended:
        """Run `stage`, publish what it returned, count its trials, and write a line of the log."""
        lake, transaction = self.lake, self.transaction
        started_at, params = self.clock.now(), self.params[stage.name]
        what = identity(stage, params, {table.name: transaction.version(table.name) or "" for table in stage.reads})
        owned = [table.name for table in stage.writes if table.name not in SHARED]
        earlier = None if self.is_forced else earlier_outputs(lake, stage.name, what.fingerprint)
        if earlier and set(earlier) == set(owned) and all(transaction.adopt(name, earlier[name]) for name in owned):
            outcome = Outcome(stage.name, "unchanged")
            log(lake, self.run_id, outcome, started_at)
            return Ended(outcome)
        if is_trial(stage):
            record_attempt(lake, stage, what)
        shared = {}
        try:
            with transaction.wholly(owned):
                execution = execute(
                    stage, params, lake, transaction, self.readings, self.workers, is_forced=self.is_forced
                )
            outcome, shared = execution.outcome, execution.shared
        except TsisError as error:
            outcome = Outcome(stage.name, "failed", failures={"": str(error)})
        for results in shared.values():
            record_results(lake, stage, what, results)
        if fits(stage) and outcome.status == "success":
            record_results(lake, stage, what, fit_results(transaction.scan, self.params))
        outputs = {name: transaction.version(name) or "" for name in owned if transaction.version(name)}
        log(lake, self.run_id, outcome, started_at)
        return Ended(outcome, entry(self.run_id, outcome, what, outputs, started_at))
