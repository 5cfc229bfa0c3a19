"""The bundled real data pass the gate; what it warns of has an explanation, each written down here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from demo import tsis

from tsis.runtime.settings import REPOSITORY
from tsis.runtime.workspace import open_lake

EXPLAINED = {
    ("missing_minutes", "ES", "2013-09-02"): "Labor Day: trading halts at noon in Chicago",
    ("outlier_returns", "AAPL", "2000-09-29"): "a profit warning: half of its value in a day",
    ("outlier_returns", "EURUSD", "2017-04-23"): "the weekend of the first round of the French election",
    ("outlier_returns", "EURUSD", "2017-09-20"): "a decision of the Federal Reserve",
    ("row_counts", "EURUSD", "2017-12-24"): "the Sunday before Christmas: one hour",
}


@pytest.fixture(scope="module")
def lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("quality") / "lake"
    shutil.copytree(demo_lake, root)
    return root


def test_the_sample_has_no_errors_and_explained_warnings(lake: Path) -> None:
    shown = tsis("quality", lake=lake).stdout
    assert "0 errors" in shown
    quality = open_lake(lake).scan("governance.quality").collect()
    failed = quality.filter(~pl.col("is_passed"))
    found = {
        (row["check_name"], item["ticker"], item["at"])
        for row in failed.iter_rows(named=True)
        for item in json.loads(row["examples"])
    }
    assert found == set(EXPLAINED)
    assert set(quality["check_name"]) >= {"drift", "key_uniqueness", "missing_sessions", "split_not_adjusted"}
    assert (lake / "governance" / "quality.html").as_uri() in shown


def test_a_run_that_the_gate_refuses_leaves_the_lake_as_it_was(lake: Path, tmp_path: Path) -> None:
    table = "processed_features.session_coverage"
    params = tmp_path / "params.yaml"
    params.write_text((REPOSITORY / "params.yaml").read_text().replace("bar_specs: [time_1m]", "bar_specs: []", 1))
    good = open_lake(lake).snapshot().tables[table]
    refused = tsis("run", "session_coverage", "--gate", lake=lake, check=False, TSIS_PARAMS=str(params))
    assert refused.returncode == 1
    assert f"table_shrank of {table}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert open_lake(lake).snapshot().tables[table] == good
    assert "blocked" in (lake / "governance" / "quality.html").read_text()
    tsis("run", "session_coverage", "--gate", lake=lake)
    assert open_lake(lake).snapshot().tables[table] == good


def test_a_plain_run_imports_no_great_expectations(lake: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tsis.runtime.workspace import open_workspace; "
        f"open_workspace(Path({str(lake)!r})).run(['daily_cache']); print('great_expectations' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
