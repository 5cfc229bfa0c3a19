"""The whole chain, from features to analytics."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.artifacts import show_outcomes, show_quality, show_report, show_results, show_tables
from flows.catch_up import skip_missed
from flows.run_stages import require_success, run_stages
from tsis.runtime.report import write_report
from tsis.runtime.workspace import open_workspace

Stages = Annotated[list[str], Field(description="Stages to run, as 'tsis stages' lists them; none: all of them.")]
Forced = Annotated[bool, Field(description="Run stages whose inputs have not changed too.")]


@flow(name="research", on_running=[skip_missed], persist_result=False)
def research(stages: Stages = [], is_forced: Forced = False) -> str:  # noqa: B006  Prefect's form
    """Run the chain on what the lake holds, show what came of it, and return the snapshot.

    Raises
    ------
    GateError
        If the quality gate refuses what the stages wrote; the snapshot of before stays.
    StageError
        If a stage did not succeed; what did is published.
    """
    workspace = open_workspace()
    report = run_stages(workspace, stages, is_forced=is_forced)
    write_report(workspace.lake)
    show_outcomes(report)
    show_tables(workspace.lake)
    show_quality(workspace.lake)
    show_results(workspace.lake)
    show_report(workspace.lake)
    require_success(report)
    return report.snapshot
