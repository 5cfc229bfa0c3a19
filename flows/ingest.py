"""Takes data from a source: one flow each, so that the form asks for what the source needs."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact

from flows.artifacts import show_tables
from flows.run_stages import RETRIES, RETRY_DELAY_S, is_retryable
from tsis.core.params import Params
from tsis.runtime.finish import finish
from tsis.runtime.ingest import Ingestion, ingest
from tsis.runtime.sources import source_named
from tsis.runtime.workspace import Workspace, open_workspace
from tsis.sources.files import FilesRequest
from tsis.sources.lean import LeanRequest
from tsis.sources.sample import SampleRequest


@flow(name="ingest_sample", persist_result=False)
def ingest_sample(request: SampleRequest = SampleRequest()) -> dict[str, int]:  # noqa: B008
    """Take the bundled data and return new rows by table."""
    return _ingested("sample", request)


@flow(name="ingest_files", persist_result=False)
def ingest_files(request: FilesRequest) -> dict[str, int]:
    """Take CSV or Parquet files and return new rows by table; files taken before are not read again."""
    return _ingested("files", request)


@flow(name="ingest_lean", persist_result=False)
def ingest_lean(request: LeanRequest) -> dict[str, int]:
    """Take a folder of LEAN and return new rows by table."""
    return _ingested("lean", request)


@task(name="ingest", retries=RETRIES, retry_delay_seconds=RETRY_DELAY_S, retry_condition_fn=is_retryable)
def take(workspace: Workspace, source: str, request: Params) -> Ingestion:
    """Fetch, parse, check, quarantine, merge, commit."""
    done = ingest(workspace.lake, source_named(source), request)
    finish(workspace.lake, workspace.settings.warehouse, done.run_id)
    return done


def _ingested(source: str, request: Params) -> dict[str, int]:
    workspace = open_workspace()
    done = take(workspace, source, request)
    rows: list[dict[str, Any]] = [
        {
            "table": table,
            "delivered": done.delivered[table],
            "new": done.added[table],
            "quarantined": done.quarantined[table],
        }
        for table in sorted(done.delivered)
    ]
    create_table_artifact(rows, key=f"ingest-{source}", description=f"Delivery of {source}, run {done.run_id}")
    for path in done.quarantine_files:
        get_run_logger().warning("quarantined rows with their reasons: %s", path)
    show_tables(workspace.lake)
    return dict(done.added)
