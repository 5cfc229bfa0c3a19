"""The calendar of sessions and what else of zone reference is computed."""

from __future__ import annotations

from prefect import flow

from flows.artifacts import show_outcomes
from flows.catch_up import skip_missed
from flows.run_stages import require_success, run_stages
from tsis.runtime.workspace import open_workspace


@flow(name="reference_daily", on_running=[skip_missed], persist_result=False)
def reference_daily() -> str:
    """Run every stage that writes zone reference and return the snapshot."""
    workspace = open_workspace()
    names = [name for name, stage in workspace.stages.items() if {t.zone for t in stage.writes} == {"reference"}]
    report = run_stages(workspace, names)
    show_outcomes(report)
    require_success(report)
    return report.snapshot
