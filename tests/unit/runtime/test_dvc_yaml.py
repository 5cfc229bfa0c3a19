"""dvc.yaml is what the stages say, and what DVC can read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tsis.runtime.dag import stages
from tsis.runtime.dvc_yaml import SOURCE, dvc_yaml
from tsis.runtime.workspace import open_workspace

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def rendered() -> str:
    workspace = open_workspace()
    return dvc_yaml(workspace.stages, workspace.lake.tables)


def test_the_file_is_what_the_stages_say(rendered):
    assert (ROOT / "dvc.yaml").read_text() == rendered, "run: tsis stages --dvc > dvc.yaml"


def test_every_stage_is_there_with_its_command_and_section(rendered):
    found = yaml.safe_load(rendered)["stages"]
    assert list(found) == [SOURCE, *stages()]
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name in stages():
        assert found[name]["cmd"].endswith(f" tsis run {name}")
        assert found[name]["params"] == [name]
        assert name in params, f"params.yaml has no section {name}: DVC needs one, be it empty"


def test_every_dependency_is_made_by_a_stage_or_is_a_file(rendered):
    found = yaml.safe_load(rendered)["stages"]
    made = {path for stage in found.values() for out in stage.get("outs", []) for path in out}
    for name, stage in found.items():
        for path in stage["deps"]:
            assert path in made or (ROOT / path).exists(), f"{name} depends on {path}, which nothing makes"


def test_what_tells_of_runs_is_not_tracked(rendered):
    assert "lake/governance" not in rendered


def test_params_hold_nothing_that_dvc_cannot_read():
    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]

    kinds = {type(leaf) for leaf in leaves(yaml.safe_load((ROOT / "params.yaml").read_text()))}
    assert kinds <= {str, int, float, bool, type(None)}
