"""`tsis features` on the demo's lake: what holds is said to hold, and a feature that cheats is named."""

from __future__ import annotations

import json
import shutil

import numpy as np
import polars as pl
import pytest
from demo import tsis

from tsis.core.errors import UsageError
from tsis.core.feature import Bank, Family, Feature
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE
from tsis.features import families as families_module
from tsis.features.features import FeaturesParams
from tsis.runtime.feature_audit import STORED, audit_lake
from tsis.runtime.workspace import open_lake, open_workspace


@jit
def _peek(x, first, stop, params, state, out, k):
    for i in range(first, stop):
        out[i - first, k] = x[CLOSE, i + 1] if i + 1 < stop else np.nan


class PeekParams(Params):
    """None."""


def peek(params):
    return Bank((CLOSE,), (Feature("peek", "quote", "The close of the bar to come", 0, "a dream"),), (), 0, _peek)


def test_the_audit_proves_every_feature_on_the_lake(demo_lake):
    found = tsis("features", "audit", "--ticker", "ES", "--bar-spec", "dollar_70M", "--rows", "400", lake=demo_lake)
    n_features = len(open_lake(demo_lake).spec("features").columns) - 4
    assert f"{n_features} features on 1 series keep every law" in found.stdout
    assert "broken" not in found.stdout


def test_a_planted_look_ahead_is_found_on_the_lake(demo_lake, monkeypatch):
    lake = open_lake(demo_lake)
    known = {"peek": Family("peek", peek, PeekParams), "rsi": families_module.families()["rsi"]}
    monkeypatch.setattr(families_module, "families", lambda: known)
    found = {
        (finding.column, finding.law): finding
        for audited in audit_lake(lake, FeaturesParams(), ["ES"], ["dollar_70M"], 300)
        for finding in audited.findings
    }
    for law in ("no look-ahead", "live = batch", "increment = rebuild", STORED):
        assert found["peek", law].n_broken > 0, law
        assert found["rsi_14", law].n_broken == 0, law


def test_a_changed_parameter_is_seen_in_what_is_stored(demo_lake):
    changed = FeaturesParams(families={"rsi": {"periods": [13]}})
    laws = [
        finding
        for audited in audit_lake(open_lake(demo_lake), changed, ["ES"], ["dollar_70M"], 300)
        for finding in audited.findings
        if audited.family == "rsi" and finding.n_broken
    ]
    assert {finding.law for finding in laws} == {STORED}


def test_a_stored_row_of_no_bar_is_found(demo_lake, tmp_path):
    lake = open_lake(shutil.copytree(demo_lake, tmp_path / "lake"))
    stored = lake.scan("processed_features.features", tickers=["FB"]).collect()
    extra = stored.tail(3).with_columns(pl.col("ts_close") + pl.duration(minutes=7))
    lake.replace("processed_features.features", pl.concat([stored, extra]), ["FB"])
    found = tsis("features", "audit", "--ticker", "FB", "--rows", "20", lake=lake.root, check=False)
    assert found.returncode == 1
    assert f"'{STORED}' is broken on FB time_1d for 3 of 199 values, first at 196" in found.stderr
    assert "'tsis run features' computes them anew" in found.stderr


def test_a_series_that_is_not_there_is_an_error(demo_lake):
    params = open_workspace(demo_lake).params["features"]
    with pytest.raises(UsageError, match="no series of information_bars"):
        next(audit_lake(open_lake(demo_lake), params, ["NONE"], [], 300))


def test_features_are_listed_and_described(demo_lake):
    listed = tsis("features", "list", lake=demo_lake).stdout
    assert "rsi_14" in listed
    assert "points" in tsis("features", "show", "rsi_14", lake=demo_lake).stdout
    wrong = tsis("features", "show", "rsi_15", lake=demo_lake, check=False)
    assert wrong.returncode == 2
    assert "rsi_14" in wrong.stderr


def test_sql_tells_what_a_feature_is(demo_lake):
    query = "select * from marts.feature_dictionary where feature = 'rsi_14'"
    (row,) = json.loads(tsis("sql", query, "--format", "json", lake=demo_lake).stdout)
    assert row["unit"] == "points"
    assert row["warm_up_bars"] == 14
    assert "TA-Lib" in row["source"]
    counted = (
        "select count(*) as n, count(*) filter (unit = '' or description = '') as bare from marts.feature_dictionary"
    )
    (count,) = json.loads(tsis("sql", counted, "--format", "json", lake=demo_lake).stdout)
    assert count == {"n": len(open_lake(demo_lake).spec("features").columns) - 4, "bare": 0}
