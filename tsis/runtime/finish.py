"""What follows a run: verdicts, the governance files, the figures for DVC, the catalog."""

from __future__ import annotations

import json
from pathlib import Path

from tsis.core.clock import Clock, SystemClock
from tsis.lake.catalog import refresh_catalog
from tsis.lake.durable import replace_if_changed
from tsis.lake.store import Lake
from tsis.runtime.dvc_outputs import write_dvc_outputs
from tsis.runtime.judge import judge
from tsis.runtime.registry import write_registry


def finish(lake: Lake, warehouse: Path, run_id: str, clock: Clock | None = None) -> None:
    """Judge what has not been judged so; write versions, registry, models, metrics and plots; refresh the catalog."""
    judge(lake, run_id, (clock or SystemClock()).now())
    snapshot = lake.snapshot()
    version = {"snapshot": snapshot.id, "tables": snapshot.tables}
    content = json.dumps(version, indent=1, sort_keys=True) + "\n"
    replace_if_changed(lake.root / "governance" / "data_version.json", content.encode())
    write_registry(lake)
    write_dvc_outputs(lake)
    refresh_catalog(lake, warehouse)
