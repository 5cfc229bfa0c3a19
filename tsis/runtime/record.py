"""Writes down what ran: runs, lineage, and the JSON lines of pipeline_status.log."""

from __future__ import annotations

import hashlib
import json
import resource
from dataclasses import dataclass
from datetime import datetime

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


def record(
    lake: Lake, run_id: str, outcome: Outcome, what: Identity, outputs: dict[str, str], started_at: datetime
) -> None:
    """Append one execution to runs and lineage, and to the log; an unchanged or skipped stage to the log alone."""
    line = {"at": started_at.isoformat(), "run_id": run_id, "stage": outcome.stage, "status": outcome.status}
    counts = {"rows_in": outcome.rows_in, "rows_out": outcome.rows_out, "rows_quarantined": outcome.rows_quarantined}
    append_line(
        lake.root / LOG, json.dumps({**line, **counts, "seconds": round(outcome.seconds, 3), "error": outcome.error})
    )
    if outcome.status in ("unchanged", "skipped"):
        return
    run = {
        "run_id": run_id,
        "stage": outcome.stage,
        "status": outcome.status,
        "fingerprint": what.fingerprint,
        "code_version": what.code_version,
        "params_digest": what.params_digest,
        "inputs": json.dumps(what.inputs, sort_keys=True),
        "outputs": json.dumps(outputs, sort_keys=True),
        **counts,
        "seconds": outcome.seconds,
        "compile_s": outcome.compile_s,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "error": outcome.error,
        "started_at": started_at,
    }
    edges = [
        {
            "run_id": run_id,
            "stage": outcome.stage,
            "output_table": output,
            "output_version": version,
            "input_table": source,
            "input_version": source_version,
            "started_at": started_at,
        }
        for output, version in outputs.items()
        for source, source_version in what.inputs.items()
    ]
    with lake.transaction([RUNS, LINEAGE]) as transaction:
        transaction.append(RUNS, pl.DataFrame([run], schema=lake.spec(RUNS).polars_schema))
        transaction.append(LINEAGE, pl.DataFrame(edges, schema=lake.spec(LINEAGE).polars_schema))
        transaction.commit(f"{run_id} {outcome.stage}")
