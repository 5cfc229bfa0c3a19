"""Daily profit and loss, statistics and the report, after the close."""

from __future__ import annotations

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from flows.artifacts import show_outcomes, show_report, show_results
from flows.calendar_guard import session_of
from flows.catch_up import skip_missed
from flows.run_stages import require_success, run_stages
from tsis.runtime.report import write_report
from tsis.runtime.workspace import open_workspace


@flow(name="analytics_daily", on_running=[skip_missed], persist_result=False)
def analytics_daily(
    calendar: str = "XNYS", timezone: str = "America/New_York", on_holidays: bool = False
) -> str | None:
    """Run the stages of zone analytics and return the snapshot; None on a day without a session.

    Parameters
    ----------
    calendar, timezone : whose sessions are asked.
    on_holidays : run on a day without a session too.
    """
    due = flow_run.get_scheduled_start_time()  # of a run that a downtime delayed: another day than today
    if not on_holidays and session_of(calendar, due, timezone) is None:
        get_run_logger().info("no session of %s on %s", calendar, due.date())
        return None
    workspace = open_workspace()
    names = [name for name, stage in workspace.stages.items() if {t.zone for t in stage.writes} & {"analytics"}]
    report = run_stages(workspace, names)
    write_report(workspace.lake)
    show_outcomes(report)
    show_results(workspace.lake)
    show_report(workspace.lake)
    require_success(report)
    return report.snapshot
