"""What experiments are compared by: few columns, and plots that DVC can draw."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
from lakes import new_lake, rows

from tsis.runtime.dvc_outputs import METRICS, PLOTS, equity_curves, fold_scores, write_dvc_outputs


def test_equity_is_over_a_number_of_days_and_says_whose_it_is():
    days = [date(2020, 1, 6), date(2020, 1, 3), date(2020, 1, 3)]
    daily = pl.DataFrame({"strategy_id": ["a", "a", "b"], "date": days, "equity": [2.0, 1.0, 5.0]})
    found = equity_curves(daily)
    assert found["a"].to_dict(as_series=False) == {"day": [0, 3], "a": [1.0, 2.0]}
    assert found["b"].to_dict(as_series=False) == {"day": [0], "b": [5.0]}


def test_scores_of_folds_leave_out_those_without():
    stats = pl.DataFrame(
        {"model": ["m"] * 3, "split": ["walk_forward"] * 2 + ["cv"], "fold": [1, 0, 0], "auc": [0.6, None, 0.9]}
    )
    assert fold_scores(stats)["m"].to_dict(as_series=False) == {"fold": [1], "m": [0.6]}


def test_experiments_are_compared_by_a_handful_of_figures(tmp_path: Path):
    lake = new_lake(tmp_path / "lake")
    write_dvc_outputs(lake)
    for folder in PLOTS:
        assert list((tmp_path / folder).iterdir()) == [], "an output that DVC expects, be it empty"
    lake.replace("analytics.strategy_stats", rows("analytics.strategy_stats", 1, strategy_id="us_daily"))
    write_dvc_outputs(lake)
    _, strategies = (json.loads((tmp_path / path).read_text()) for path in METRICS)
    assert set(strategies["us_daily"]) == {"n_trades", "total_return_frac", "sharpe_annual", "max_drawdown_frac"}
