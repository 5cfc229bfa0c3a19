"""`tsis models` on the bundled data."""

from __future__ import annotations

import json
import re
import shutil

import polars as pl
import pytest
from demo import tsis

from tsis.governance.model_store import read_registry, registered_model
from tsis.runtime.explain import explain_event
from tsis.runtime.workspace import open_lake


def test_every_model_is_shown_with_what_it_learnt_from_and_what_is_missing(demo_lake):
    listed = tsis("models", "list", lake=demo_lake).stdout
    for entry in read_registry(demo_lake):
        assert entry["version"][:12] in listed
        shown = tsis("models", "show", entry["name"], lake=demo_lake).stdout
        for text in (entry["version"], entry["data_version"], entry["code_version"], "walk_forward", "mdi"):
            assert text in shown
        refused = tsis("models", "promote", entry["name"], "--reason", "try", lake=demo_lake, check=False)
        assert refused.returncode == (0 if entry["gate"]["is_passed"] else 1)
        for reason in entry["gate"]["reasons"]:
            assert reason in shown
            assert reason in refused.stderr


def test_the_registered_files_are_what_the_table_holds(demo_lake):
    stored = dict(
        open_lake(demo_lake).scan("governance.models").select("model_version", "artifact").collect().iter_rows()
    )
    for entry in read_registry(demo_lake):
        assert (demo_lake / entry["artifact"]).read_bytes() == stored[entry["version"]]
        assert list(registered_model(demo_lake, entry).features) == entry["features"]


@pytest.mark.parametrize(("model", "ticker"), [("us_daily", "IBM"), ("fx_hourly", "EURUSD"), ("es_dollar", "ES")])
def test_the_last_prediction_of_a_ticker_is_taken_apart(demo_lake, model, ticker):
    """The row of the dataset, the frozen order and the artefact give the stored probability to the bit."""
    told = explain_event(open_lake(demo_lake), model, ticker)
    why = told.explanation
    assert why.probability == told.prediction["probability"]
    assert why.bias + sum(part.log_odds for part in why.contributions) == pytest.approx(why.margin, abs=1e-5)
    shown = tsis("models", "show", model, "--event", ticker, lake=demo_lake).stdout
    assert f"probability {why.probability:.4f}" in shown
    assert why.contributions[0].feature in shown


def test_two_models_are_compared(demo_lake):
    compared = tsis("models", "compare", "us_daily", "fx_hourly", lake=demo_lake).stdout
    assert re.search(r"walk_forward auc\s+0\.\d+\s+0\.\d+", compared)
    assert "params.fractional.price" in compared


def test_what_was_altered_is_found_by_the_check(demo_lake, tmp_path):
    root = tmp_path / "lake"
    shutil.copytree(demo_lake, root)
    path = root / read_registry(root)[0]["artifact"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    done = tsis("lake", "check", lake=root, check=False)
    assert (done.returncode, "was altered, or is another model" in done.stderr) == (1, True)
    # a run writes what the table holds, but never over what is there: whoever asks must see it
    path.unlink()
    assert "is missing" in tsis("lake", "check", lake=root, check=False).stderr
    tsis("run", "strategy_stats", lake=root)
    assert tsis("lake", "check", lake=root).returncode == 0
    assert open_lake(root).scan("governance.model_stages").select(pl.len()).collect().item() == 0
    assert json.loads((root / "governance/model_registry.json").read_text())["models"]
