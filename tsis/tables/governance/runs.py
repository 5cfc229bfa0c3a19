"""Every execution of a stage."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Runs(Table, key=("started_at", "run_id", "stage"), time="started_at", partition="month"):
    """Every execution of a stage."""

    run_id: str = column("id", "The run; one run executes many stages")
    stage: str = column("name", "Stage, or ingest:<source>")
    status: str = column("enum", "How it ended", isin=["success", "failed", "partial"])
    fingerprint: str = column("sha256", "Hash of code, params and input versions")
    code_version: str = column("sha256", "Hash of the stage's module, its transitive imports and the lock")
    params_digest: str = column("sha256", "Hash of the parameters")
    inputs: str = column("JSON", "Table to manifest hash")
    outputs: str = column("JSON", "Table to manifest hash")
    rows_in: int = column("rows", "Rows read", ge=0)
    rows_out: int = column("rows", "Rows returned", ge=0)
    rows_quarantined: int = column("rows", "Rows set aside", ge=0)
    seconds: float = column("s", "Duration, compilation included", ge=0)
    compile_s: float = column("s", "Compilation of kernels", ge=0)
    peak_memory_bytes: int = column("bytes", "Largest resident memory of the process so far", ge=0)
    error: str = column("text", "Why it failed; null otherwise", nullable=True)
    started_at: Timestamp = column("UTC", "When it began")
