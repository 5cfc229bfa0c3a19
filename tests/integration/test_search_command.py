"""`tsis search` fits by the chain's own stage, keeps what came of it, and every trial counts once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from demo import tsis

from tsis.lake import Lake
from tsis.runtime.workspace import open_lake


@pytest.fixture
def lake(demo_lake: Path, tmp_path: Path) -> Lake:
    shutil.copytree(demo_lake, tmp_path / "lake")
    return open_lake(tmp_path / "lake")


def n_results(lake: Lake) -> int:
    ledger = lake.scan("governance.trials").collect()
    own = ledger.filter(ledger["status"] == "result", ledger["family"] == "es_dollar")
    assert own["returns_hash"].null_count() == 0
    return own.height


def test_every_trial_of_a_search_counts_once_and_is_held_against_the_strategy(lake: Lake) -> None:
    before = n_results(lake)
    asked = (
        "search",
        "es_dollar",
        "--method",
        "grid",
        "--n",
        "4",
        "--over",
        "max_depth=2,3",
        "--over",
        "n_rounds=10,20",
    )
    shown = tsis(*asked, lake=lake.root).stdout
    assert "4 trials" in shown
    found = lake.scan("governance.searches").collect()
    assert found.height == found["trial_id"].n_unique() == 4
    assert json.loads(found["point"][0]) == {"max_depth": 2, "n_rounds": 10}
    assert found["log_loss"].null_count() == 0
    assert n_results(lake) == before + 4
    tsis(*asked, lake=lake.root)
    again = lake.scan("governance.searches").collect()
    assert again.equals(found), "the same search gives the same rows"
    assert n_results(lake) == before + 4, "a repeat does not count"
    tsis("run", "strategy_stats", "--force", lake=lake.root)
    verdicts = lake.scan("governance.verdicts").collect().sort("judged_at")
    newest = verdicts.filter(verdicts["strategy_id"] == "es_dollar")[-1]
    assert newest["n_trials"][0] == before + 4
    tsis("lake", "check", lake=lake.root)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("es_dolar",), "did you mean 'es_dollar'"),
        (("es_dollar", "--method", "gird"), "did you mean 'grid'"),
        (("es_dollar", "--over", "max_dept=1,2"), "did you mean 'max_depth'"),
        (("es_dollar", "--method", "grid", "--n", "3"), "points and n = 3"),
    ],
)
def test_a_wrong_question_is_a_clear_error(demo_lake: Path, arguments: tuple[str, ...], words: str) -> None:
    done = tsis("search", *arguments, lake=demo_lake, check=False)
    assert done.returncode == 2
    assert words in done.stderr
