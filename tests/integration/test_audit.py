"""`tsis audit` and `tsis lineage` on the demo's lake."""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime

import polars as pl
import pytest
from demo import tsis

from tsis.core.errors import DataError, UnknownNameError
from tsis.governance.audit import audit_trail
from tsis.lake.catalog import FILE
from tsis.runtime.workspace import open_lake

STEPS = ["fill", "order", "signal", "prediction", "model", "gate", "features", "bar", "raw rows"]


@pytest.fixture(scope="module")
def lake(demo_lake):
    tsis("sql", "select 1", lake=demo_lake)  # the catalog is there
    return open_lake(demo_lake)


def trail(lake, ticker="ES", moment=datetime(2000, 1, 1, tzinfo=UTC), session=None):
    return audit_trail(lake, lake.root / FILE, ticker, moment, session)


def test_a_fill_is_explained_back_to_its_raw_rows(lake):
    steps = {step.name: step for step in trail(lake)}
    assert list(steps) == STEPS
    bar, raw = steps["bar"].rows[0], steps["raw rows"]
    assert raw.n_rows == bar["n_ticks"]
    trades = lake.scan("raw.trades", tickers=["ES"]).filter(
        pl.col("ts").is_between(bar["raw_ts_first"], bar["raw_ts_last"])
    )
    assert trades.collect().height >= raw.n_rows
    assert steps["prediction"].rows[0]["probability"] == steps["signal"].rows[0]["ml_score"]
    assert steps["model"].rows[0]["trained_to"] < steps["signal"].rows[0]["t0"]


def test_every_file_is_hashed_now(lake):
    for step in trail(lake):
        assert step.files, step.name
        for file in step.files:
            assert file.problem is None
            assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256


def test_the_first_fill_at_or_after_the_moment_is_taken(lake):
    fills = lake.scan("execution.fills_log").filter(pl.col("ticker") == "ES").collect().sort("ts", "fill_id")
    third = fills.row(2, named=True)
    assert trail(lake, moment=third["ts"])[0].rows[0]["ts"] == third["ts"]


def test_no_fill_is_said_so(lake):
    with pytest.raises(UnknownNameError, match="did you mean 'ES'"):
        trail(lake, "EZ")
    with pytest.raises(DataError, match="the last at"):
        trail(lake, moment=datetime(2100, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("place", [5, -20], ids=["a page that the audit need not read", "the footer"])
def test_a_changed_file_is_found(place, lake, tmp_path):
    broken = tmp_path / "lake"
    shutil.copytree(lake.root, broken)
    victim = next(file.path for step in trail(lake) if step.name == "raw rows" for file in step.files)
    copy = broken / victim.relative_to(lake.root)
    content = bytearray(copy.read_bytes())
    content[place] ^= 1
    copy.write_bytes(content)
    found = tsis("audit", "ES", "2000-01-01", lake=broken, check=False)
    assert found.returncode == 1
    assert "altered file" in found.stdout or "raw.trades can't be read" in found.stderr
    assert "fault of TSIS" not in found.stderr


def test_the_command_line(lake):
    shown = tsis("audit", "ES", "2013-09-01", lake=lake.root).stdout
    assert all(step in shown for step in STEPS)
    assert "verified" in shown
    assert "✓" in shown
    assert "log-odds (SHAP)" in shown
    assert "the stored probability, to the bit" in shown
    assert tsis("audit", "ES", "yesterday", lake=lake.root, check=False).returncode == 2


def test_lineage_goes_back_to_the_delivered_files(lake):
    shown = tsis("lineage", "setups", lake=lake.root).stdout
    for expected in ("by events", "raw.trades", "by ingest:sample", "es_trades.parquet", "as delivered"):
        assert expected in shown
