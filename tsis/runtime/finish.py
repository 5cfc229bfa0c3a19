"""What follows a run: verdicts, the governance files, the figures for DVC, the catalog."""

from __future__ import annotations

import json
from pathlib import Path

from tsis.core.clock import Clock, SystemClock
from tsis.lake.catalog import refresh_catalog
from tsis.lake.durable import replace_file
from tsis.lake.store import Lake
from tsis.runtime.dvc_outputs import write_dvc_outputs
from tsis.runtime.judge import judge
from tsis.runtime.registry import write_registry


def finish(lake: Lake, warehouse: Path, run_id: str, clock: Clock | None = None) -> None:
    """Judge what has not been judged so; write versions, registry, models, metrics and plots; refresh the catalog."""
    judge(lake, run_id, (clock or SystemClock()).now())
    snapshot = lake.snapshot()
    version = {"snapshot": snapshot.id, "tables": snapshot.tables}
    _write_if_new(lake, "data_version.json", json.dumps(version, indent=1, sort_keys=True) + "\n")
    write_registry(lake)
    write_dvc_outputs(lake)
    refresh_catalog(lake, warehouse)


def _write_if_new(lake: Lake, name: str, content: str) -> None:
    path = lake.root / "governance" / name
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        replace_file(path, content.encode())
