"""What happens to runs that nobody could start or end: after a downtime, a jump of the clock, a power failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psutil
from prefect import Flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from tsis.core.clock import SystemClock

_BEGUN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_PAGE = 200


def skip_missed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  Prefect's hook
    """Let the run that begins do what all scheduled runs of its flow should have done until now; the others end.

    A run that a person asked for has parameters of its own and ends nobody.
    """
    if not flow_run.auto_scheduled or flow_run.deployment_id is None:
        return
    now = SystemClock().now()
    with get_client(sync_client=True) as client:
        for missed in _runs(client, [StateType.SCHEDULED], flow_run.deployment_id):
            is_due = missed.expected_start_time is not None and missed.expected_start_time <= now
            if is_due and missed.auto_scheduled and missed.run_count == 0 and missed.id != flow_run.id:
                why = f"missed; run {flow_run.name} does what it should have done"
                client.set_flow_run_state(missed.id, Cancelled(name="Skipped", message=why))


def end_abandoned() -> list[str]:
    """Mark runs whose process is gone as crashed, and return their names: they would block their flow for ever."""
    ended = []
    with get_client(sync_client=True) as client:
        begun = _runs(client, _BEGUN)
        alive = set(_alive()) if begun else set()
        for run in begun:
            if run.deployment_id is not None and str(run.id) not in alive:
                why = "its process is gone; run it again: it resumes at the first stage that did not succeed"
                client.set_flow_run_state(run.id, Crashed(message=why))
                ended.append(run.name)
    return ended


def _runs(client: SyncPrefectClient, types: list[StateType], deployment: UUID | None = None) -> list[FlowRun]:
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types)))
    where = DeploymentFilter(id=DeploymentFilterId(any_=[deployment])) if deployment else None
    found: list[FlowRun] = []
    while page := client.read_flow_runs(
        flow_run_filter=wanted, deployment_filter=where, limit=_PAGE, offset=len(found)
    ):
        found += page
    return found


def _alive() -> Iterator[str]:
    """Yield the ids of runs that a process of this machine is working on."""
    for process in psutil.process_iter():
        try:
            run = process.environ().get("PREFECT__FLOW_RUN_ID")
        except (psutil.Error, OSError):  # of another user, or gone by now
            continue
        if run:
            yield run
