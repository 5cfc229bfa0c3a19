"""Nobody looks at a result uncounted, and no verdict outlives what it judged."""

from __future__ import annotations

import shutil
from pathlib import Path

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
