"""The deployments and their schedules."""

from __future__ import annotations

import os
import re
import sys
from datetime import date
from typing import Any

from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule

from flows.analytics_daily import analytics_daily
from flows.catch_up import end_abandoned
from flows.governance_nightly import governance_nightly
from flows.ingest import ingest_files, ingest_lean, ingest_sample
from flows.live_signals import live_signals
from flows.reference_daily import reference_daily
from flows.research import research
from flows.server import answers
from flows.session_schedule import session_schedule
from flows.train import train
from tsis.core.clock import SystemClock

CALENDAR, NEW_YORK = "XNYS", "America/New_York"


def schedules(today: date) -> dict[Flow[..., Any], Schedule | None]:
    """Return flow to schedule; None runs when somebody asks for it. The half days close before any of them."""

    def on_sessions(hour: int, minute: int) -> Schedule:
        return session_schedule(CALENDAR, NEW_YORK, hour, minute, today)

    return {
        reference_daily: on_sessions(6, 0),
        ingest_sample: None,
        ingest_files: None,
        ingest_lean: None,
        live_signals: on_sessions(9, 30),
        research: on_sessions(17, 30),
        train: Cron("0 9 * * 6", timezone=NEW_YORK),
        analytics_daily: on_sessions(18, 30),
        governance_nightly: Cron("0 2 * * *", timezone=NEW_YORK),
    }


def deployments(today: date) -> list[RunnerDeployment]:
    """Return one deployment a flow. One run of it at a time: a second waits; two flows meet at the lake's locks."""
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    return [
        RunnerDeployment.from_flow(
            flow,
            name="tsis",
            schedule=schedule,
            description=flow.description,
            tags=_told(schedule),
            concurrency_limit=one,
        )
        for flow, schedule in schedules(today).items()
    ]


def _told(schedule: Schedule | None) -> list[str]:
    """Return a schedule of sessions in short: the list of deployments has no room for its rule."""
    at = re.search(r"BYHOUR=(\d+);BYMINUTE=(\d+)", schedule.rrule or "") if schedule else None
    return [f"{CALENDAR} {int(at[1]):02d}:{int(at[2]):02d}"] if at else []


def main() -> None:
    """Serve the deployments until told to stop; what is due by then stays due.

    Other than Prefect's default, a stop does not pause the schedules: it would for another process that serves them
    too, and would drop the runs that were due in a downtime.
    """
    url = os.environ["PREFECT_API_URL"]
    if not answers(url):
        sys.exit(f"no Prefect server answers at {url}: start it, and what is served, with 'make up'")
    for name in end_abandoned():
        print(f"run {name} was abandoned by its process: marked as crashed")  # noqa: T201
    serve(*deployments(SystemClock().now().date()), pause_on_shutdown=False)


if __name__ == "__main__":
    main()
