"""Writes down what ran: runs, lineage, and the JSON lines of pipeline_status.log."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.lake.durable import append_line
from tsis.lake.store import Lake
from tsis.runtime.code_version import code_version
from tsis.runtime.results import Outcome

RUNS, LINEAGE = "governance.runs", "governance.lineage"
LOG = "governance/pipeline_status.log"


@dataclass(frozen=True)
class Identity:
    """What a result depends on: code, parameters and the versions of its inputs."""

    code_version: str
    params_digest: str
    inputs: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """Return one hash over all of it."""
        text = json.dumps([self.code_version, self.params_digest, self.inputs], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def identity(stage: AnyStage, params: Params, inputs: dict[str, str]) -> Identity:
    """Return what the stage's result would depend on now."""
    return Identity(code_version(stage.module), params.digest(), inputs)


def earlier_outputs(lake: Lake, stage: str, fingerprint: str) -> dict[str, str] | None:
    """Return table to version as a success with the same identity left it, None where there was none."""
    found = (
        lake.scan(RUNS)
        .filter(pl.col("stage") == stage, pl.col("fingerprint") == fingerprint, pl.col("status") == "success")
        .select("started_at", "outputs")
        .collect()
        .sort("started_at")
    )
    return dict(json.loads(found["outputs"][-1])) if found.height else None


def entry(
    run_id: str, outcome: Outcome, what: Identity, outputs: Mapping[str, str], started_at: datetime
) -> dict[str, Any]:
    """Return the row of governance.runs for one execution, its time as ISO text."""
    return {
        "run_id": run_id,
        "stage": outcome.stage,
        "status": outcome.status,
        "fingerprint": what.fingerprint,
        "code_version": what.code_version,
        "params_digest": what.params_digest,
        "inputs": json.dumps(what.inputs, sort_keys=True),
        "outputs": json.dumps(outputs, sort_keys=True),
        **_counts(outcome),
        "seconds": outcome.seconds,
        "compile_s": outcome.compile_s,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "error": outcome.error,
        "started_at": started_at.isoformat(),
    }


def log(lake: Lake, run_id: str, outcome: Outcome, started_at: datetime) -> None:
    """Append one execution to the log."""
    line = {"at": started_at.isoformat(), "run_id": run_id, "stage": outcome.stage, "status": outcome.status}
    numbers = {**_counts(outcome), "seconds": round(outcome.seconds, 3)}
    append_line(lake.root / LOG, json.dumps({**line, **numbers, "error": outcome.error}))


def publish(lake: Lake, entries: Sequence[Mapping[str, Any]], note: str) -> None:
    """Append executions to runs and lineage; what is there already changes nothing."""
    runs = [{**item, "started_at": datetime.fromisoformat(item["started_at"])} for item in entries]
    edges = [
        {
            "run_id": run["run_id"],
            "stage": run["stage"],
            "output_table": output,
            "output_version": version,
            "input_table": source,
            "input_version": source_version,
            "started_at": run["started_at"],
        }
        for run in runs
        for output, version in json.loads(run["outputs"]).items()
        for source, source_version in json.loads(run["inputs"]).items()
    ]
    with lake.transaction([RUNS, LINEAGE]) as transaction:
        transaction.append(RUNS, pl.DataFrame(runs, schema=lake.spec(RUNS).polars_schema))
        transaction.append(LINEAGE, pl.DataFrame(edges, schema=lake.spec(LINEAGE).polars_schema))
        transaction.commit(note)


def _counts(outcome: Outcome) -> dict[str, int]:
    return {
        "rows_in": outcome.rows_in,
        "rows_out": outcome.rows_out,
        "rows_quarantined": outcome.rows_quarantined,
    }
