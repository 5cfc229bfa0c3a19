"""The quality gate: what it refuses is not promoted, what it warns of is written down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from lakes import new_lake, rows

from tsis.core.clock import SystemClock
from tsis.core.errors import GateError
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import Table, column, spec
from tsis.lake import Lake
from tsis.lake.check import check_lake
from tsis.runtime import gate
from tsis.runtime.gate import PAGE, QUALITY, judge_current, quality_gate
from tsis.runtime.ingest import ingest
from tsis.runtime.run import run
from tsis.runtime.sources import request_for, source_named
from tsis.tables.governance.lineage import Lineage
from tsis.tables.governance.quality import Quality
from tsis.tables.governance.runs import Runs

MONDAY = datetime(2020, 1, 6, 15, tzinfo=UTC)


class Prices(Table, name="demo.prices", key=("ticker", "day")):
    """Prices of the test."""

    ticker: str = column("symbol", "Ticker")
    day: int = column("days", "Day")


class Copies(Table, name="demo.copies", key=("ticker", "day")):
    """Copies of them."""

    ticker: str = column("symbol", "Ticker")
    day: int = column("days", "Day")


class CopiesParams(Params):
    n_rows: int = 20


calls: list[CopiesParams] = []


@stage(reads=[Prices], writes=[Copies])
def copies(prices: pl.DataFrame, params: CopiesParams) -> pl.DataFrame:
    """Copy the first rows."""
    calls.append(params)
    return prices.head(params.n_rows)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = small_lake(tmp_path / "lake")
    found.replace("demo.prices", pl.DataFrame({"ticker": ["A"] * 20, "day": range(20)}))
    calls.clear()
    return found


def small_lake(root: Path) -> Lake:
    return Lake(root, {spec(table).name: spec(table) for table in (Prices, Copies, Runs, Lineage, Quality)}, wait_s=5)


def go(lake: Lake, **params: int):
    return run(lake, [copies], {"copies": CopiesParams(**params)}, gate=quality_gate)


def said(lake: Lake, **by: object) -> pl.DataFrame:
    return lake.scan(QUALITY).filter(**by).collect().sort("judged_at")


def test_what_passes_is_promoted_and_its_verdicts_are_kept(lake: Lake) -> None:
    report = go(lake)
    assert lake.scan("demo.copies").collect().height == 20
    verdicts = said(lake)
    assert verdicts["is_passed"].all()
    assert set(verdicts["judged_table"]) == {"demo.copies"}, "the table that the run changed"
    assert set(verdicts["version"]) == {lake.snapshot().tables["demo.copies"]}
    assert set(verdicts["run_id"]) == {report.run_id}
    keys = verdicts.row(by_predicate=pl.col("check_name") == "key_uniqueness", named=True)
    assert (keys["severity"], keys["n_measured"], keys["n_failed"], keys["at_most"]) == ("error", 1, 0, 0.0)
    assert "promoted" in (lake.root / PAGE).read_text()


def test_an_error_blocks_and_the_last_good_snapshot_stays(lake: Lake) -> None:
    go(lake)
    good = lake.snapshot().tables["demo.copies"]
    with pytest.raises(
        GateError, match=r"table_shrank of demo.copies: 1 of 1 values .* at least 0.1 .*0.05"
    ) as refused:
        go(lake, n_rows=1)
    assert lake.snapshot().tables["demo.copies"] == good
    assert lake.scan("demo.copies").collect().height == 20
    (failed,) = said(lake, is_passed=False, severity="error").iter_rows(named=True)
    assert (failed["check_name"], failed["n_failed"], failed["worst"]) == ("table_shrank", 1, 0.05)
    assert failed["version"][:12] in str(refused.value)
    assert lake.scan("demo.copies", version=failed["version"]).collect().height == 1, "the candidate can be read"
    assert lake.scan("governance.runs").collect()["run_id"].to_list()[-1] == failed["run_id"]
    page = (lake.root / PAGE).read_text()
    assert "blocked" in page
    assert "not promoted" in page
    assert list(check_lake(lake)) == []


def test_a_refused_run_is_judged_again_without_being_computed_again(lake: Lake) -> None:
    go(lake)
    for _ in range(2):
        with pytest.raises(GateError):
            go(lake, n_rows=1)
    assert len(calls) == 2
    assert said(lake, check_name="table_shrank", severity="error")["is_passed"].to_list() == [True, False, False]
    go(lake, n_rows=19)
    assert lake.scan("demo.copies").collect().height == 19


def test_without_the_gate_nobody_judges(lake: Lake) -> None:
    go(lake)
    n_verdicts = said(lake).height
    run(lake, [copies], {"copies": CopiesParams(n_rows=1)})
    assert lake.scan("demo.copies").collect().height == 1
    assert said(lake).height == n_verdicts


def test_a_warning_is_written_down_and_promoted(lake: Lake) -> None:
    go(lake)
    go(lake, n_rows=10)
    assert lake.scan("demo.copies").collect().height == 10
    (warned,) = said(lake, is_passed=False).iter_rows(named=True)
    assert (warned["check_name"], warned["severity"], warned["worst"]) == ("table_shrank", "warning", 0.5)


def test_where_nothing_has_changed_nothing_is_judged(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    go(lake)
    before = lake.snapshot()
    monkeypatch.setattr(gate, "verdicts", lambda _: pytest.fail("judged"))
    assert go(lake).outcomes[0].status == "unchanged"
    assert lake.snapshot() == before


def test_a_value_that_no_limit_can_be_held_against_is_no_pass(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    go(lake)
    good = lake.snapshot().tables["demo.copies"]
    nothing = pl.LazyFrame(schema={"value": pl.Float64}).select(value=pl.lit(None, pl.Float64))
    (shrank,) = (check for check in gate.checks() if check.name == "table_shrank")
    planted = type(shrank)(**vars(shrank) | {"measure": lambda _: nothing})
    monkeypatch.setattr(gate, "checks", lambda: (planted,))
    with pytest.raises(GateError, match=r"table_shrank measured nothing for 1 of 1 rows of demo.copies"):
        go(lake, n_rows=15)
    assert lake.snapshot().tables["demo.copies"] == good


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
from tsis.runtime import gate
import test_gate
gate.verdicts = lambda _: os.kill(os.getpid(), signal.SIGKILL)
test_gate.go(test_gate.small_lake(Path({root!r})), n_rows=7)
"""


def test_killed_in_the_gate_nothing_is_promoted(lake: Lake) -> None:
    go(lake)
    before = lake.snapshot()
    path = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED.format(path=path, root=str(lake.root))], env=dict(os.environ), check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert lake.snapshot() == before
    assert list(check_lake(lake)) == []
    go(lake, n_rows=19)
    assert lake.scan("demo.copies").collect().height == 19


def test_a_table_is_judged_where_what_stands_beside_it_changed(tmp_path: Path) -> None:
    """A split is delivered that the prices, which have not changed, do not show."""
    whole = new_lake(tmp_path / "whole")
    days = [MONDAY + timedelta(days=i) for i in range(40)]
    price = [100.0 + i % 3 for i in range(40)]
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    whole.append("raw.ohlcv_daily", rows("raw.ohlcv_daily", 40, ticker="IBM", ts=days, ts_close=days, **prices))
    split = rows("reference.corporate_actions", 1, ticker="IBM", ex_date=days[20].date(), kind="split", ratio=2.0)
    with whole.transaction(["reference.corporate_actions"]) as transaction:
        transaction.append("reference.corporate_actions", split)
        with pytest.raises(GateError, match=r"split_not_adjusted of raw.ohlcv_daily"):
            quality_gate(whole, transaction, "run", SystemClock())
    assert whole.scan("reference.corporate_actions").collect().is_empty()


def test_a_delivery_can_be_gated(tmp_path: Path) -> None:
    whole = new_lake(tmp_path / "whole")
    files = source_named("files")
    times = [MONDAY + timedelta(seconds=i) for i in range(100)]
    given = {"table": "raw.trades", "ticker": "ES", "columns": {"Time": "ts", "Price": "price"}}
    for name, price, is_good in (("misprint", 1000, False), ("good", 101, True)):
        path = tmp_path / f"{name}.csv"
        lines = [f"{time:%Y-%m-%dT%H:%M:%S},{price if i == 50 else 100 + i % 2},1\n" for i, time in enumerate(times)]
        path.write_text("Time,Price,size\n" + "".join(lines))
        request = request_for(files, {**given, "path": str(path)})
        if is_good:
            ingest(whole, files, request, gate=quality_gate)
        else:
            with pytest.raises(GateError, match=r"outlier_returns of raw.trades"):
                ingest(whole, files, request, gate=quality_gate)
            assert whole.scan("raw.trades").collect().is_empty()
    assert whole.scan("raw.trades").collect().height == 100


def test_the_current_snapshot_can_be_judged(tmp_path: Path) -> None:
    whole = new_lake(tmp_path / "whole")
    days = [MONDAY + timedelta(days=i) for i in range(12)]
    whole.append("raw.ohlcv_daily", rows("raw.ohlcv_daily", 12, ticker="IBM", ts=days, ts_close=days))
    before = whole.snapshot().tables["raw.ohlcv_daily"]
    found = {(verdict.check_name, verdict.judged_table): verdict for verdict in judge_current(whole) if verdict.blocks}
    assert list(found) == [("stale_prices", "raw.ohlcv_daily")]
    assert whole.snapshot().tables["raw.ohlcv_daily"] == before
    assert "current snapshot judged" in (whole.root / PAGE).read_text()
