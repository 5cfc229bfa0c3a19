"""The models anew, with everything that they need."""

from __future__ import annotations

from prefect import flow

from flows.artifacts import show_outcomes, show_results
from flows.catch_up import skip_missed
from flows.run_stages import require_success, run_stages
from tsis.runtime.dag import needed_by
from tsis.runtime.workspace import open_workspace


@flow(name="train", on_running=[skip_missed], persist_result=False)
def train() -> str:
    """Run the stages up to the predictions and those that count trials, and return the snapshot."""
    workspace = open_workspace()
    report = run_stages(workspace, needed_by("predictions", workspace.stages))
    show_outcomes(report)
    show_results(workspace.lake)
    require_success(report)
    return report.snapshot
