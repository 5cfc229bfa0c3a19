"""The task of the flows: stages run as `tsis run` runs them, in one transaction and one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State, TaskRun

from flows.artifacts import show_quality
from tsis.core.errors import GateError, StageError, TsisError
from tsis.runtime.results import Outcome, RunReport
from tsis.runtime.workspace import Workspace

RETRIES = 3
RETRY_DELAY_S = 20.0


class RunLog:
    """Tells the log of the flow run how the stages go."""

    def __init__(self) -> None:
        self._logger = get_run_logger()

    def started(self, stage: str, position: int, total: int) -> None:
        """Name the stage that begins."""
        self._logger.info("%s (%d of %d)", stage, position + 1, total)

    def ended(self, outcome: Outcome) -> None:
        """Say how the stage ended; a failure as an error, with its tickers and reasons."""
        if outcome.error:
            self._logger.error("%s %s: %s", outcome.stage, outcome.status, outcome.error)
        else:
            self._logger.info("%s %s, %s rows", outcome.stage, outcome.status, f"{outcome.rows_out:,}")


def is_retryable(_: Any, __: TaskRun, state: State[Any]) -> bool:
    """Tell whether an attempt failed for a reason that may pass: the error itself declares it."""
    return isinstance(state.data, TsisError) and state.data.is_retryable


@task(
    name="run stages",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_S,
    retry_condition_fn=is_retryable,
    persist_result=False,
)
def run_stages(workspace: Workspace, names: Sequence[str] = (), *, is_forced: bool = False) -> RunReport:
    """Run the stages called `names`, all where empty; what is up to date is not run. The quality gate decides.

    A run that was killed or failed is resumed by running it again: what it published stands, and the first stage that
    did not succeed is the first that is called.

    Raises
    ------
    GateError
        If a check of severity error fails: the snapshot of before stays, and the verdicts are shown.
    """
    try:
        return workspace.run(names, RunLog(), is_forced=is_forced, gate=True)
    except GateError:
        show_quality(workspace.lake)
        raise


@task(name="every stage succeeded", persist_result=False)
def require_success(report: RunReport) -> None:
    """Fail the flow run where a stage did not succeed.

    Raises
    ------
    StageError
        With each failed stage, its tickers and their reasons. What succeeded is published all the same.
    """
    if report.failed:
        reasons = "; ".join(f"{item.stage} {item.status}: {item.error}" for item in report.failed)
        raise StageError(f"{len(report.failed)} of {len(report.outcomes)} stages did not succeed: {reasons}")
