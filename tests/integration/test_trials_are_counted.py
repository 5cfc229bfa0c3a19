"""Nobody looks at a result uncounted, and no verdict outlives what it judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml
from demo import tsis

from tsis.core.errors import IntegrityError
from tsis.lake import Lake
from tsis.runtime.dag import select, stages
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.workspace import open_lake


@pytest.fixture
def lake(demo_lake: Path, tmp_path: Path) -> Lake:
    shutil.copytree(demo_lake, tmp_path / "lake")
    return open_lake(tmp_path / "lake")


def newest_verdict(lake: Lake, strategy: str) -> dict[str, object]:
    rows = lake.scan("governance.verdicts").collect().sort("judged_at")
    return [row for row in rows.iter_rows(named=True) if row["strategy_id"] == strategy][-1]


def test_what_shows_a_result_is_run_with_what_counts_it() -> None:
    names = [stage.name for stage in select(["fills_log"], stages())]
    assert names == ["fills_log", "pnl_daily", "strategy_stats"]
    assert [stage.name for stage in select(["pnl_daily"], stages())] == ["pnl_daily", "strategy_stats"]
    assert select(["predictions"], stages())[-1].name == "strategy_stats"
    assert [stage.name for stage in select(["events"], stages())] == ["events"]
    assert len(select([], stages())) == len(stages())


def test_going_back_to_earlier_parameters_is_judged_with_the_trials_between(lake: Lake, tmp_path: Path) -> None:
    first = newest_verdict(lake, "us_daily")
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["fills_log"]["risk_per_trade_frac"] = 0.01
    other = tmp_path / "params.yaml"
    other.write_text(yaml.safe_dump(params))
    tsis("run", "pnl_daily", "fills_log", lake=lake.root, TSIS_PARAMS=str(other))
    second = newest_verdict(lake, "us_daily")
    assert second["n_trials"] == first["n_trials"] + 1
    tsis("run", "fills_log", lake=lake.root)
    third = newest_verdict(lake, "us_daily")
    assert third["stats_version"] == first["stats_version"] == lake.snapshot().tables["analytics.strategy_stats"]
    assert third["n_trials"] == second["n_trials"]
    before = lake.snapshot()
    tsis("run", "fills_log", lake=lake.root)
    assert lake.snapshot() == before


def test_a_cut_ledger_stops_the_next_run(lake: Lake) -> None:
    from tsis.runtime.judge import judge

    empty = lake.spec("governance.trials").empty()
    with lake.transaction(["governance.trials"]) as transaction:
        transaction.replace("governance.trials", empty)
        transaction.commit("cut")
    with pytest.raises(IntegrityError, match="tail was cut"):
        judge(lake, "run", lake.scan("governance.verdicts").collect()["judged_at"][0])


@pytest.mark.parametrize("change", [pl.col("ret_frac") + 1e-9, None])
def test_altered_or_removed_returns_fail_the_check_of_the_lake(lake: Lake, change: pl.Expr | None) -> None:
    kept = lake.scan("governance.trial_returns").collect()
    assert kept["returns_hash"].n_unique() >= 3
    lake.replace("governance.trial_returns", kept.head(0) if change is None else kept.with_columns(ret_frac=change))
    done = tsis("lake", "check", lake=lake.root, check=False)
    assert done.returncode == 1
    assert "governance.trial_returns" in done.stderr


def test_a_verdict_holds_every_figure_and_reason(lake: Lake) -> None:
    found = newest_verdict(lake, "us_daily")
    assert (found["family"], found["n_trials"], found["is_passed"]) == ("us_daily", 2, False)
    assert found["n_raw_rows"] > 10_000
    assert found["n_synthetic_rows"] == found["n_set_aside_rows"] == 0
    assert json.loads(str(found["reasons"]))[0] == found["verdict"]
