"""dvc.yaml, rendered from the stages: what DVC runs is `tsis run`, and what it tracks are manifests."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from tsis.core.stage import AnyStage
from tsis.core.table import TableSpec
from tsis.runtime.dag import SHARED, owner_of_table
from tsis.runtime.dvc_outputs import METRICS, PLOTS

SOURCE = "sample"
_LIBRARY = ["tsis/core", "tsis/kernels", "tsis/tables", "requirements.lock"]
"""What every stage imports; a stage whose own imports have not changed finds that out by itself and does nothing."""
_HERE = "TSIS_LAKE=lake TSIS_PARAMS=params.yaml"
"""An experiment is of this clone: it leaves the lake alone to which the environment points."""
_HEADER = "# Rendered by `tsis stages --dvc`; a test compares.\n"


def dvc_yaml(stages: Mapping[str, AnyStage], tables: Mapping[str, TableSpec]) -> str:
    """Return dvc.yaml: the bundled data first, then one stage for each of `stages`.

    A stage depends on the manifests that it reads, on its section of params.yaml and on its code. Tables of zone
    governance are left out: they tell of runs, and runs have clocks.
    """
    owners = owner_of_table(stages)
    delivered = [spec for spec in tables.values() if spec.quarantines and spec.name not in owners]
    rendered: dict[str, object] = {
        SOURCE: {
            "cmd": f"{_HERE} tsis ingest {SOURCE}",
            "deps": ["data/sample", "tsis/sources", *_LIBRARY],
            "outs": [_kept(_manifest(spec)) for spec in delivered],
        }
    }
    for name, stage in stages.items():
        rendered[name] = {
            "cmd": f"{_HERE} tsis run {name}",
            "deps": [_manifest(spec) for spec in stage.reads if _is_tracked(spec)] + [_folder(stage), *_LIBRARY],
            "params": [name],
            "outs": [_kept(_manifest(spec)) for spec in stage.writes if _is_tracked(spec)]
            + [_remembered(folder) for folder, (of_stage, *_) in PLOTS.items() if of_stage == name],
        }
        metrics = [_remembered(file) for file, of_stage in METRICS.items() if of_stage == name]
        if metrics:
            rendered[name] |= {"metrics": metrics}  # type: ignore[operator]
    plots = [{folder: {"x": x, "title": title}} for folder, (_, x, title) in PLOTS.items()]
    text = yaml.safe_dump({"stages": rendered, "plots": plots}, sort_keys=False, width=120)
    return _HEADER + text


def _manifest(spec: TableSpec) -> str:
    return f"lake/{spec.zone}/{spec.table}/_manifest.json"


def _is_tracked(spec: TableSpec) -> bool:
    return spec.name not in SHARED and spec.zone != "governance"


def _folder(stage: AnyStage) -> str:
    return "/".join(stage.module.split(".")[:2])


def _kept(path: str) -> dict[str, dict[str, bool]]:
    """Return an output that DVC neither copies nor removes before a run: the lake keeps its files itself."""
    return {path: {"cache": False, "persist": True}}


def _remembered(path: str) -> dict[str, dict[str, bool]]:
    """Return an output that DVC copies into its cache: it compares this one with that of other experiments."""
    return {path: {"persist": True}}
