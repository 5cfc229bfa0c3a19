"""Every file against its hash, the chain of trials, the quality of the data, and what nothing names any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from pydantic import Field

from flows.artifacts import show_quality, show_tables
from flows.catch_up import skip_missed
from tsis.core.clock import SystemClock
from tsis.core.errors import GateError, IntegrityError, some
from tsis.lake.check import check_lake
from tsis.lake.gc import collect_garbage
from tsis.lake.store import Lake
from tsis.runtime.gate import describe, judge_current
from tsis.runtime.ledger import verified_ledger
from tsis.runtime.live_signals import FOLDER
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.workspace import open_lake


@flow(name="governance_nightly", on_running=[skip_missed], persist_result=False)
def governance_nightly(
    retention_days: Annotated[float, Field(ge=0, description="Files younger than this stay.")] = 7.0,
) -> None:
    """Check the lake, collect garbage, judge the data; a finding fails the run before anything is removed.

    The lakes of live sessions, of which each step leaves a version, are checked and collected as well.
    """
    lake = open_lake()
    for found in (lake, *(open_lake(path) for path in sorted((lake.root / FOLDER).glob("*")))):
        check(found)
        collect(found, retention_days)
    show_tables(lake)
    judge_quality(lake)


@task(name="check the lake", persist_result=False)
def check(lake: Lake) -> None:
    """Hold every file against its hash and the ledger of trials against its chain.

    Raises
    ------
    IntegrityError
        If anything is found; the findings are shown.
    """
    findings = [
        {"table": found.table, "path": str(found.path), "problem": found.problem, "affected": found.affected}
        for found in check_lake(lake)
    ]
    create_table_artifact(findings, key="findings", description=f"{len(findings)} findings in {lake.root}")
    if findings:
        raise IntegrityError(f"{len(findings)} findings in {lake.root}; first: {findings[0]['path']}")
    verified_ledger(lake.scan)


@task(name="judge the quality", persist_result=False)
def judge_quality(lake: Lake) -> None:
    """Hold every quality check against the current snapshot.

    Raises
    ------
    GateError
        If one of severity error fails.
    """
    failed = [verdict for verdict in judge_current(lake) if verdict.blocks]
    show_quality(lake)
    if failed:
        raise GateError(f"{len(failed)} quality checks failed: {some([describe(verdict) for verdict in failed], 3)}")


@task(name="collect garbage", persist_result=False)
def collect(lake: Lake, retention_days: float) -> None:
    """Remove what nothing names and is older than the retention."""
    removed = collect_garbage(lake, SystemClock().now(), timedelta(days=retention_days), REPOSITORY)
    get_run_logger().info("%d files, %.1f MB removed", removed.files, removed.bytes / 1e6)
