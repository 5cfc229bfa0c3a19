"""Signals in market hours: one run a session, which steps every minute until the close."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

import polars as pl
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from pydantic import Field

from flows.calendar_guard import is_open, session_of
from flows.catch_up import skip_missed
from flows.run_stages import RETRIES, RETRY_DELAY_S, is_retryable
from tsis.core.clock import SystemClock
from tsis.lake.store import Lake
from tsis.live.session import Stepped
from tsis.runtime.live_signals import LIVE, session_lake, step_live
from tsis.runtime.workspace import Workspace, open_workspace

_SHOWN = 50
_MINUTE_S = 60.0

Calendar = Annotated[str, Field(description="Exchange whose sessions count, as exchange_calendars names it.")]
Seconds = Annotated[float, Field(gt=0, description="From one step to the next.")]
Once = Annotated[bool, Field(description="One step now, whether the exchange is open or not.")]


@flow(name="live_signals", on_running=[skip_missed], persist_result=False)
def live_signals(
    calendar: Calendar = "XNYS",
    timezone: str = "America/New_York",
    every_s: Seconds = _MINUTE_S,
    once: Once = False,
) -> int:
    """Step over new raw rows until the session closes, show the signals, and return how many events were decided on.

    A run that was killed is continued by the next: every step commits rows and checkpoints together.
    """
    clock, workspace, decided = SystemClock(), open_workspace(), 0
    session = session_of(calendar, clock.now(), timezone)
    if not once and not is_open(session, clock.now()):
        get_run_logger().info("%s is closed", calendar)
        return 0
    while True:
        found = step(workspace)
        decided += found.events
        if found.events or once:
            show_signals(session_lake(workspace, LIVE))
        if once or not is_open(session, _next(clock.now(), every_s)):
            return decided
        time.sleep(max(0.0, (_next(clock.now(), every_s) - clock.now()).total_seconds()))


@task(
    name="step",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_S,
    retry_condition_fn=is_retryable,
    persist_result=False,
)
def step(workspace: Workspace) -> Stepped:
    """Step over what is new, decide, commit."""
    found = step_live(workspace)
    get_run_logger().info("%d bars, %d events, %d armed", found.bars, found.events, found.armed)
    return found


def show_signals(lake: Lake) -> None:
    """Show the signals that wait or hold, and the last decisions with their reasons."""
    for table, key, about in (
        ("signals.active_signals", "active-signals", "Signals that wait or hold on the paper account"),
        ("signals.signals_history", "live-decisions", f"The last {_SHOWN} decisions; no order is sent"),
    ):
        rows = lake.scan(table).collect().sort("ts", descending=True).head(_SHOWN)
        text = rows.with_columns(pl.selectors.temporal().cast(pl.String), pl.selectors.float().round(4))
        create_table_artifact(text.to_dicts(), key=key, description=about)


def _next(now: datetime, every_s: float) -> datetime:
    """Return the next whole step of the day: a step that takes long makes none be caught up."""
    second = now.timestamp()
    return datetime.fromtimestamp(second - second % every_s + every_s, now.tzinfo)
