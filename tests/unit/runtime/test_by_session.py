"""Stages that are called once a session: the cross-section of one day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import Table, Timestamp, column, spec
from tsis.lake import Lake
from tsis.runtime.run import run
from tsis.tables.governance.lineage import Lineage
from tsis.tables.governance.runs import Runs
from tsis.tables.governance.trials import Trials

T0 = datetime(2020, 1, 6, 21, tzinfo=UTC)


class Closes(Table, name="demo.closes", key=("ticker", "ts"), time="ts", partition="year"):
    """Closes of the test."""

    ticker: str = column("symbol", "Ticker")
    ts: Timestamp = column("UTC", "Close of the session")
    price: float = column("quote", "Price", gt=0)


class Ranks(Table, name="demo.ranks", key=("ticker", "ts"), time="ts", partition="year"):
    """Rank of a close among those of its session."""

    ticker: str = column("symbol", "Ticker")
    ts: Timestamp = column("UTC", "Close of the session")
    rank: int = column("count", "Rank, 1 is the lowest", ge=1)


class RanksParams(Params):
    fails_on: str = ""
    descending: bool = False


calls: list[str] = []


@stage(reads=[Closes], writes=[Ranks], by="session")
def ranks(closes: pl.DataFrame, params: RanksParams) -> pl.DataFrame:
    """Rank."""
    session = str(closes["ts"].dt.date().unique().item())
    calls.append(session)
    if session == params.fails_on:
        raise ZeroDivisionError("planted")
    rank = pl.col("price").rank(descending=params.descending).cast(pl.Int64)
    return closes.select("ticker", "ts", rank.alias("rank")).sort("ticker", "ts")


@pytest.fixture
def lake(tmp_path):
    found = Lake(tmp_path / "lake", {spec(t).name: spec(t) for t in (Closes, Ranks, Runs, Lineage, Trials)}, wait_s=5)
    rows = [(ticker, T0 + timedelta(days=day), 1.0 + i) for day in range(3) for i, ticker in enumerate("ABC")]
    found.replace("demo.closes", pl.DataFrame(rows, schema=spec(Closes).polars_schema, orient="row"))
    calls.clear()
    return found


def go(lake, threads=2, **params):
    return run(lake, [ranks], {"ranks": RanksParams(**params)}, threads=threads).outcomes[0]


def test_each_session_is_one_call_with_all_of_its_tickers(lake):
    assert go(lake, threads=1).status == "success"
    assert calls == ["2020-01-06", "2020-01-07", "2020-01-08"]
    assert lake.scan("ranks").collect().sort("ts", "ticker")["rank"].to_list() == [1, 2, 3] * 3


def test_a_failing_session_keeps_what_it_said_before_and_the_others_go_on(lake):
    go(lake)
    outcome = go(lake, descending=True, fails_on="2020-01-07")
    assert outcome.status == "partial"
    assert outcome.failures == {"2020-01-07": "ZeroDivisionError: planted"}
    assert lake.scan("ranks").collect().sort("ts", "ticker")["rank"].to_list() == [3, 2, 1, 1, 2, 3, 3, 2, 1]


def test_threads_do_not_change_the_result(lake):
    go(lake, threads=1)
    version = lake.snapshot().tables["demo.ranks"]
    run(lake, [ranks], {"ranks": RanksParams()}, threads=4, is_forced=True)
    assert lake.snapshot().tables["demo.ranks"] == version
